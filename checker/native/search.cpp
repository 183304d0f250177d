#include "search.hpp"

#include <algorithm>
#include <utility>

namespace gong::search {

namespace {

// How long a search goes on that has to fail, only to show how far one can come: some 10 ms.
constexpr std::uint32_t IDLE_TURNS_MAX = 1'000;

// States that a search tells which ran out of time or memory, and so should not need more of them.
constexpr std::size_t STOPPED_STATES_MAX = 1'000;

// Writes the order down while a path is walked again.
class Order : public Recorder {
 public:
  explicit Order(const Problem& problem)
      : problem_(problem), placed_(problem.live_count, false), used_(problem.crashed.size(), 0) {}

  void take(Op op) override {
    Class kind;
    if (op < problem_.live_count) {
      placed_[op] = true;
      kind = problem_.classes[op];
    } else {
      const auto group = op - problem_.live_count;
      kind = problem_.crashed[group].kind;
      op = problem_.crashed[group].operations[used_[group]++];
    }
    if (problem_.kinds[kind] == Kind::overwrite) last_overwrite_ = order_.size();
    order_.push_back(op);
  }

  void excuse(Op op) override {
    if (!placed_[op]) unseen_.emplace_back(last_overwrite_, op);
  }

  // The order, each operation that went unseen in front of its overwrite.
  std::vector<Op> whole() {
    std::stable_sort(unseen_.begin(), unseen_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Op> all;
    all.reserve(order_.size() + unseen_.size());
    auto next = unseen_.begin();
    for (std::size_t at = 0; at < order_.size(); ++at) {
      for (; next != unseen_.end() && next->first == at; ++next) all.push_back(next->second);
      all.push_back(order_[at]);
    }
    return all;
  }

 private:
  const Problem& problem_;
  std::vector<bool> placed_;
  std::vector<std::uint32_t> used_;
  std::vector<Op> order_;
  std::vector<std::pair<std::size_t, Op>> unseen_;
  std::size_t last_overwrite_ = 0;
};

}  // namespace

Search::Search(const Problem& problem, Table::Ask ask, std::function<bool()> poll, bool look_ahead,
               Outlook::Ask may_become)
    : problem_(problem),
      table_(problem, std::move(ask)),
      step_(problem, table_, used_, look_ahead, std::move(may_become)),
      store_(problem, used_),
      poll_(std::move(poll)) {}

Result Search::run() {
  Window deep(problem_), shallow(problem_);
  if (step_.first(config_, deep, nullptr) == Step::Fate::finished) {
    found_ = true;
    return finish(Status::found);
  }
  store_.add(config_, deep, NONE, 0);
  while (true) {
    const Event before = store_.furthest();
    const Id deepest = store_.take_deepest();
    if (deepest == NONE) return finish(Status::stuck);
    explore(deepest, deep, false);
    if (found_) return finish(Status::found);
    if (poll_()) return finish(Status::stopped);
    if (store_.furthest() > before) {
      idle_ = 0;
      continue;
    }
    if (step_.is_doomed() && ++idle_ > IDLE_TURNS_MAX) return finish(Status::stuck);
    const Id shallowest = store_.take_shallowest();
    if (shallowest == NONE) return finish(Status::stuck);
    explore(shallowest, shallow, true);
    if (found_) return finish(Status::found);
  }
}

void Search::explore(Id id, Window& window, bool entirely) {
  store_.load(id, config_);
  window.move_to(config_.event);
  step_.moves(config_, window, moves_);
  const std::size_t first = store_.was_begun(id) ? 1 : 0;
  std::size_t last = moves_.size();
  if (first == 0) {
    store_.begin(id);
    if (!entirely && last > 1) {
      last = 1;
      store_.reopen(id);  // before its child, which is to be newer
    }
  }
  for (std::size_t i = last; i-- > first && !found_;) try_move(id, config_, moves_[i], window);
}

void Search::try_move(Id parent, const Config& config, Move move, Window& window) {
  window.move_to(config.event);
  switch (step_.apply(config, move, window, child_, nullptr)) {
    case Step::Fate::open:
      store_.add(child_, window, parent, move.what);
      break;
    case Step::Fate::hopeless:
      break;
    case Step::Fate::finished:
      found_ = true;
      goal_parent_ = parent;
      goal_move_ = move.what;
      break;
  }
}

std::vector<Op> Search::witness(Id parent, std::uint32_t last_move) {
  std::vector<std::uint32_t> path;
  Window window(problem_);
  Order order(problem_);
  Config config, next;
  const auto fate = step_.first(config, window, &order);
  if (fate == Step::Fate::finished) return order.whole();
  path.push_back(last_move);
  for (Id id = parent; store_.parent(id) != NONE; id = store_.parent(id))
    path.push_back(store_.move(id));
  for (auto what = path.rbegin(); what != path.rend(); ++what) {
    State after = config.state;
    if (*what != Move::EXCUSE) {
      const Class kind = *what < problem_.live_count
                             ? problem_.classes[*what]
                             : problem_.crashed[*what - problem_.live_count].kind;
      after = table_.next(config.state, kind);
    }
    step_.apply(config, {*what, after}, window, next, &order);
    std::swap(config, next);
  }
  return order.whole();
}

Result Search::finish(Status status) {
  if (status == Status::found && step_.is_doomed()) status = Status::contradicted;
  Result result;
  result.status = status;
  result.configurations = store_.size();
  result.event = store_.furthest();
  result.looked_ahead = step_.has_looked_ahead() || step_.is_doomed();
  if (status == Status::found)
    result.order = witness(goal_parent_, goal_move_);
  else
    result.states = store_.states_at(result.event);
  if (status == Status::stopped && result.states.size() > STOPPED_STATES_MAX)
    result.states.resize(STOPPED_STATES_MAX);
  if (status == Status::stuck) result.reached = store_.states();
  return result;
}

}  // namespace gong::search
