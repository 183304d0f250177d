// All configurations that the search has reached and that no other one makes superfluous, and
// which of them are still to be explored.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "search_used.hpp"
#include "search_window.hpp"

namespace gong::search {

using Id = std::uint32_t;

// A place in the search: the next return of an operation that has not taken effect, and so on.
struct Config {
  Event event = 0;
  State state = 0;
  UsedSets::Id used = UsedSets::EMPTY;
  std::vector<Word> pending;  // slots of live operations that have not taken effect
  std::vector<Word> excused;  // those of them that may be left to have had theirs unseen
};

// How a configuration came from its parent: a live operation, a crashed group, or an excuse.
struct Move {
  static constexpr std::uint32_t EXCUSE = NONE;
  std::uint32_t what;  // an operation below Problem::live_count; then groups; or EXCUSE
  State after;
};

// Items that never move and are never copied: growth costs one block, not a second table.
template <typename Item>
class Blocks {
 public:
  // Most searches need one block: small enough that the allocator gives it without new pages.
  static constexpr std::size_t BLOCK = std::size_t{1} << 11;

  explicit Blocks(std::size_t width = 1) : width_(width) {}

  // Its content is the caller's to write.
  Item* add() {
    if (size_ % BLOCK == 0) blocks_.push_back(std::make_unique_for_overwrite<Item[]>(BLOCK * width_));
    return (*this)[size_++];
  }
  Item* operator[](std::size_t index) {
    return &blocks_[index / BLOCK][index % BLOCK * width_];
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t width_;
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<Item[]>> blocks_;
};

class Store {
 public:
  explicit Store(const Problem& problem, UsedSets& used);

  // Keeps a configuration unless another one dominates it; true when it was kept. `window` must
  // stand at its event.
  bool add(const Config& config, const Window& window, Id parent, std::uint32_t move);

  void load(Id id, Config& config);

  // The newest configuration of the last event, the oldest of the first one; NONE when all is
  // explored. It is taken off the list; `reopen` puts it back.
  Id take_deepest();
  Id take_shallowest();
  void reopen(Id id);

  [[nodiscard]] bool was_begun(Id id) { return notes_[id]->begun; }
  void begin(Id id) { notes_[id]->begun = true; }
  [[nodiscard]] Id parent(Id id) { return notes_[id]->parent; }
  [[nodiscard]] std::uint32_t move(Id id) { return notes_[id]->move; }
  [[nodiscard]] std::size_t size() const { return notes_.size(); }
  [[nodiscard]] Event furthest() const { return furthest_; }
  // The states of all configurations kept, or of those at one event; sorted.
  std::vector<State> states();
  std::vector<State> states_at(Event event);

 private:
  struct Note {
    Id parent;
    std::uint32_t move;
    Id next_equal;  // of the same event, state and pending mutators that do not overwrite
    Id newer, older;
    bool begun, open;
  };
  struct List {
    Id newest = NONE, oldest = NONE;
  };
  // One part of the hash table. Parts double one at a time, so that no growth of the table is a
  // jump in memory.
  struct Entry {
    std::uint32_t hash;
    Id head;
  };
  struct Part {
    std::vector<Entry> entries;
    std::size_t filled = 0;
  };
  static constexpr std::size_t PARTS = 64;

  static std::vector<State> distinct(std::vector<State> states);
  [[nodiscard]] std::uint64_t hash(const Word* words, const Word* others) const;
  [[nodiscard]] bool same_key(const Word* a, const Word* b, const Word* others) const;
  [[nodiscard]] bool dominates(const Word* a, const Word* b, const Window& window) const;
  Id& head_of(const Word* words, const Window& window);
  static void grow(Part& part);
  void open(Id id);
  void close(Id id);

  const Problem& problem_;
  UsedSets& used_;
  std::size_t sets_;  // words of one set of slots
  Blocks<Word> words_;
  Blocks<Note> notes_;
  std::vector<Part> parts_;
  std::vector<List> lists_;  // by event
  std::vector<Word> probe_;
  Event furthest_ = 0;
  std::int64_t deepest_ = -1;
  Event shallowest_ = 0;
};

}  // namespace gong::search
