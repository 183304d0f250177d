// States of many objects as one number, and sets of used optional operations as another: equal
// ones have equal numbers. A tree of shared nodes, as in `checker/orders/store.py`.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gong::orders {

inline std::uint64_t mixed(std::uint64_t x) {  // the finalizer of splitmix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

inline std::uint64_t mixed(const std::uint32_t* words, std::size_t count, std::uint64_t seed) {
  for (std::size_t i = 0; i < count; ++i) seed = mixed(seed + 0x9E3779B97F4A7C15u + words[i]);
  return seed;
}

class Store {
 public:
  using Id = std::uint32_t;

  // `leaves` numbers, all 0 at first.
  explicit Store(std::size_t leaves) {
    for (std::size_t reach = ARITY; reach < leaves; reach *= ARITY) ++height_;
    levels_.resize(height_);
    Id node = 0;
    for (auto& level : levels_) {
      Node all;
      all.fill(node);
      node = level.number(all);
    }
    initial_ = node;
  }

  [[nodiscard]] Id initial() const { return initial_; }

  Id replace(Id store, std::size_t leaf, std::uint32_t value) {
    return replace(store, leaf, value, height_ - 1);
  }

 private:
  static constexpr std::size_t ARITY = 16;
  using Node = std::array<Id, ARITY>;
  struct Hash {
    std::size_t operator()(const Node& node) const { return mixed(node.data(), ARITY, 1); }
  };
  struct Level {
    std::unordered_map<Node, Id, Hash> numbers;
    std::vector<const Node*> nodes;  // keys of the map, which stay where they are

    Id number(const Node& node) {
      const auto [at, is_new] = numbers.emplace(node, static_cast<Id>(nodes.size()));
      if (is_new) nodes.push_back(&at->first);
      return at->second;
    }
  };

  Id replace(Id store, std::size_t leaf, std::uint32_t value, std::size_t level) {
    Node node = *levels_[level].nodes[store];
    const std::size_t place = (leaf >> (4 * level)) % ARITY;
    node[place] = level == 0 ? value : replace(node[place], leaf, value, level - 1);
    return levels_[level].number(node);
  }

  std::size_t height_ = 1;
  std::vector<Level> levels_;
  Id initial_ = 0;
};

}  // namespace gong::orders
