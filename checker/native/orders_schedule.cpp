#include "orders_schedule.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace gong::orders {

namespace {

// Failures that each search is allowed in the first round; and how that grows round by round. The
// searches go on where they were, so a round costs no more than what it adds.
constexpr std::size_t EFFORT_FIRST = 500;
constexpr std::size_t EFFORT_GROWTH = 4;

// The first slack that is not none, in events for each issuer; and how it grows.
constexpr Rank SLACK_FIRST = 4;
constexpr Rank SLACK_GROWTH = 4;

Input with_slack(Input input, Rank slack) {
  input.keeps_time = true;
  for (Rank& end : input.returns) end += slack;
  return input;
}

// From the least slack to the most; no more of them than there is room for.
std::vector<Rank> slacks(const Input& input) {
  std::vector<Rank> found;
  const std::size_t bounds = input.parts.size() * input.chains.size();
  if (input.keeps_time || bounds == 0) return found;
  const Rank last = *std::max_element(input.calls.begin(), input.calls.end());
  const auto issuers = static_cast<Rank>(input.chains.size());
  for (Rank slack = 0; slack < last && (found.size() + 2) * bounds <= input.bounds_max;
       slack = slack == 0 ? SLACK_FIRST * issuers : slack * SLACK_GROWTH)
    found.push_back(slack);
  return found;
}

bool is_further(const Result& one, const Result& other) {
  const auto placed = [](const Result& result) {
    std::size_t sum = 0;
    for (const Place front : result.fronts) sum += front;
    return sum;
  };
  return placed(one) > placed(other);
}

}  // namespace

Result find_order(const Input& input, const Ask& ask, const Poll& poll, bool looks_ahead) {
  // The one that decides comes first: what has no order often shows before the search begins.
  Search any(input, ask, poll, looks_ahead);
  std::vector<std::pair<Rank, std::unique_ptr<Search>>> others;
  for (const Rank slack : slacks(input)) others.emplace_back(slack, nullptr);
  for (std::size_t effort = EFFORT_FIRST;; effort *= EFFORT_GROWTH) {
    Result result = any.run(effort);
    if (result.status != Status::tired) return result;
    for (auto next = others.begin(); next != others.end();) {
      auto& [slack, search] = *next;
      if (!search)
        search = std::make_unique<Search>(with_slack(input, slack), ask, poll, looks_ahead);
      Result found = search->run(effort);
      if (found.status == Status::found) return found;
      if (found.status == Status::stopped) {
        if (is_further(found, result)) return found;
        result.status = Status::stopped;
        return result;
      }
      next = found.status == Status::stuck ? others.erase(next) : next + 1;
    }
  }
}

}  // namespace gong::orders
