// The evidence of `Clocks` for people: a shortest cycle of operations that must come before each
// other.
#include <algorithm>
#include <map>

#include "orders_clocks.hpp"

namespace gong::orders {

std::vector<Edge> Clocks::cycle() const {
  if (contradiction_ == NONE) return {};
  const Input& in = problem_.in;
  std::multimap<Op, Edge> derived;
  for (const Edge& edge : edges_) derived.emplace(edge.before, edge);
  std::map<Op, Edge> reached;  // by operation: the edge by which the search came there
  std::vector<Op> queue{contradiction_};
  for (std::size_t next = 0; next < queue.size() && !reached.contains(contradiction_); ++next) {
    const Op op = queue[next];
    const auto reach = [&](const Edge& edge) {
      if (reached.emplace(edge.after, edge).second) queue.push_back(edge.after);
    };
    const auto& own = in.chains[problem_.chain_of[op]];
    const Place place = problem_.place_of[op];
    const auto [first, end] = derived.equal_range(op);
    std::for_each(first, end, [&](const auto& entry) { reach(entry.second); });
    if (place + 1 < own.size()) reach({op, own[place + 1], Why::issued, NONE});
    for (const auto& ops : in.keeps_time ? in.chains : std::vector<std::vector<Op>>{}) {
      const auto later = std::partition_point(ops.begin(), ops.end(), [&](Op other) {
        return in.calls[other] <= in.returns[op];
      });
      if (later != ops.end()) reach({op, *later, Why::returned, NONE});
    }
  }
  std::vector<Edge> found;
  for (auto at = reached.find(contradiction_); at != reached.end();) {
    found.push_back(at->second);
    at = at->second.before == contradiction_ ? reached.end() : reached.find(at->second.before);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace gong::orders
