// Configurations from which no way leads on. A row holds the number of the store, the fronts, the
// positions, and the used optional operations.
//
// One that failed makes others superfluous: those of the same store and the same fronts whose
// positions are nowhere behind (it could have committed what they have) and that have used all
// that it has used, and no more of what another optional operation needs ("dominance" in
// `checker/orders/search.py`). Where issuers may be left with the same things to do, what is left
// stands in the row instead of positions, sorted: then they are interchangeable, and only equal
// rows are compared.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "orders_store.hpp"
#include "orders_walk.hpp"

namespace gong::orders {

class Memo {
 public:
  explicit Memo(const Problem& problem)
      : problem_(problem),
        chains_(problem.chain_count()),
        sets_((problem.in.optional.size() + 31) / 32),
        width_(1 + 2 * chains_ + sets_),
        needed_(sets_, 0),
        row_(width_),
        parts_(PARTS) {
    for (std::size_t one = 0; one < problem.in.optional.size(); ++one)
      if (problem.in.is_needed[one]) needed_[one / 32] |= 1U << one % 32;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  bool has_failed(const Walk& walk) {
    describe(walk, row_.data());
    const std::uint64_t name = hash();
    const Part& part = parts_[name % PARTS];
    if (part.heads.empty()) return false;
    const auto tag = static_cast<std::uint32_t>(name >> 32);
    for (auto id = part.heads[slot(part, tag)]; id != NONE; id = links_of(id).next)
      if (links_of(id).tag == tag && covers(row_of(id), row_.data())) return true;
    return false;
  }

  void add(const Walk& walk) {
    describe(walk, row_.data());
    const std::uint64_t name = hash();
    Part& part = parts_[name % PARTS];
    if (part.filled >= part.heads.size()) grow(part);
    const auto id = static_cast<std::uint32_t>(size_++);
    if (id % BLOCK == 0) {
      rows_.push_back(std::make_unique<Word[]>(BLOCK * width_));
      links_.push_back(std::make_unique<Link[]>(BLOCK));
    }
    std::copy(row_.begin(), row_.end(), row_of(id));
    const auto tag = static_cast<std::uint32_t>(name >> 32);
    auto& head = part.heads[slot(part, tag)];
    links_of(id) = {tag, head};
    head = id;
    ++part.filled;
  }

 private:
  using Word = std::uint32_t;
  struct Link {
    std::uint32_t tag, next;
  };
  // The table grows part by part, so that no growth is a jump in memory.
  struct Part {
    std::vector<std::uint32_t> heads;
    std::size_t filled = 0;
  };
  static constexpr std::size_t PARTS = 64, BLOCK = std::size_t{1} << 10;

  void describe(const Walk& walk, Word* row) {
    row[0] = walk.store();
    Word* fronts = row + 1;
    Word* positions = fronts + chains_;
    for (Chain chain = 0; chain < chains_; ++chain) {
      fronts[chain] = walk.front(chain);
      positions[chain] = walk.position(chain);
    }
    if (problem_.has_twins) rename(fronts, positions);
    std::copy(walk.used().begin(), walk.used().end(), positions + chains_);
  }

  // What is left to each chain, instead of how far it has come.
  void rename(Word* fronts, Word* positions) {
    names_.clear();
    for (Chain chain = 0; chain < chains_; ++chain)
      names_.emplace_back(problem_.suffixes[chain][fronts[chain]],
                          problem_.suffixes[chain][positions[chain]]);
    std::sort(names_.begin(), names_.end());
    for (Chain chain = 0; chain < chains_; ++chain)
      std::tie(fronts[chain], positions[chain]) = names_[chain];
  }

  // Rows that may make each other superfluous have one hash.
  [[nodiscard]] std::uint64_t hash() const {
    return mixed(row_.data(), 1 + chains_ * (problem_.has_twins ? 2 : 1), 7);
  }

  [[nodiscard]] bool covers(const Word* failed, const Word* other) const {
    if (!std::equal(failed, failed + 1 + chains_, other)) return false;
    for (std::size_t i = 1 + chains_; i < 1 + 2 * chains_; ++i)
      if (problem_.has_twins ? failed[i] != other[i] : failed[i] > other[i]) return false;
    const Word* used = failed + 1 + 2 * chains_;
    const Word* more = other + 1 + 2 * chains_;
    for (std::size_t i = 0; i < sets_; ++i)
      if ((used[i] & ~more[i]) != 0 || (more[i] & ~used[i] & needed_[i]) != 0) return false;
    return true;
  }

  [[nodiscard]] static std::size_t slot(const Part& part, std::uint32_t tag) {
    return tag & (part.heads.size() - 1);
  }

  void grow(Part& part) {
    Part larger;
    larger.heads.assign(std::max<std::size_t>(16, 2 * part.heads.size()), NONE);
    larger.filled = part.filled;
    for (auto id : part.heads)
      while (id != NONE) {
        const auto next = links_of(id).next;
        auto& head = larger.heads[slot(larger, links_of(id).tag)];
        links_of(id).next = head;
        head = id;
        id = next;
      }
    part = std::move(larger);
  }

  [[nodiscard]] Word* row_of(std::size_t id) const {
    return &rows_[id / BLOCK][id % BLOCK * width_];
  }
  [[nodiscard]] Link& links_of(std::size_t id) const { return links_[id / BLOCK][id % BLOCK]; }

  const Problem& problem_;
  std::size_t chains_, sets_, width_, size_ = 0;
  std::vector<Word> needed_, row_;
  std::vector<Part> parts_;
  std::vector<std::unique_ptr<Word[]>> rows_;
  std::vector<std::unique_ptr<Link[]>> links_;
  std::vector<std::pair<Word, Word>> names_;
};

}  // namespace gong::orders
