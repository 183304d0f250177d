#include "search_outlook.hpp"

#include <algorithm>

namespace gong::search {

namespace {

// Resets that are looked at one by one; among more of them some one will do, very likely.
constexpr std::size_t RESETS_MAX = 256;

}  // namespace

Outlook::Outlook(const Problem& problem, const UsedSets& used, Ask ask)
    : problem_(problem), used_(used), ask_(std::move(ask)) {
  if (!ask_) return;
  const bool something_grows = std::any_of(
      problem.classes.begin(), problem.classes.end(), [&](Class kind) { return problem.grows[kind]; });
  if (!something_grows) return;
  find_needers();
  is_on_ = !needers_.empty();
  if (!is_on_) return;
  find_resets();
  find_the_hardest();
}

void Outlook::find_needers() {
  column_.assign(problem_.uses.size(), NONE);
  std::uint32_t columns = 0;
  for (const Op op : problem_.came) {
    const State wanted = problem_.only_in[problem_.classes[op]];
    if (op >= problem_.end || wanted < 0) continue;
    needers_.push_back({op, wanted});
    auto& column = column_[static_cast<std::size_t>(wanted)];
    if (column == NONE) column = columns++;
  }
  known_ = Lazy<std::int8_t, -1>(columns);
  later_.resize(problem_.end + 1);
  for (Event event = 0; event <= problem_.end; ++event)
    later_[event] = static_cast<std::size_t>(
        std::upper_bound(needers_.begin(), needers_.end(), event,
                         [&](Event at, const Want& want) {
                           return at < problem_.arrivals[want.needer];
                         }) -
        needers_.begin());
}

void Outlook::find_the_hardest() {
  const bool is_without_resets = resets_.empty() && crashed_resets_.empty();
  first_.resize(needers_.size());
  hardest_.resize(needers_.size());
  for (std::size_t i = needers_.size(); i-- > 0;) {
    first_[i] = hardest_[i] = i;
    if (i + 1 == needers_.size()) continue;
    if (needers_[first_[i + 1]].needer < needers_[i].needer) first_[i] = first_[i + 1];
    const Want &want = needers_[i], &hardest = needers_[hardest_[i + 1]];
    if (may_become(want.wanted, hardest.wanted)) continue;
    hardest_[i] = hardest_[i + 1];
    if (is_without_resets && contradict(want, hardest)) is_doomed_ = true;
  }
}

// What `earlier` wants, who is called no later than `later`, may not become what that one wants.
bool Outlook::contradict(const Want& earlier, const Want& later) {
  const bool is_over = earlier.needer < problem_.arrivals[later.needer];
  return is_over || !may_become(later.wanted, earlier.wanted);
}

void Outlook::find_resets() {
  for (const Op op : problem_.came)
    if (is_reset(problem_.classes[op])) resets_.push_back({problem_.arrivals[op], op});
  for (std::uint32_t group = 0; group < problem_.crashed.size(); ++group)
    if (is_reset(problem_.crashed[group].kind)) crashed_resets_.push_back(group);
}

// What is legal nowhere (its state is known, and has no successor) is never placed.
bool Outlook::is_reset(Class kind) const {
  return problem_.kinds[kind] != Kind::observer && !problem_.grows[kind] &&
         problem_.targets[kind] != ILLEGAL;
}

bool Outlook::may_become(State state, State wanted) {
  if (state == wanted) return true;
  auto& known = known_.at(static_cast<std::size_t>(state), column_[static_cast<std::size_t>(wanted)]);
  if (known < 0) known = ask_(state, wanted) ? 1 : 0;
  return known != 0;
}

bool Outlook::may_lead_to(Class reset, State wanted) {
  const State target = problem_.targets[reset];
  return target < 0 || may_become(target, wanted);
}

void Outlook::note(const Config& config, const Window& window) {
  wants_.clear();
  each(config.pending.data(), problem_.words, [&](std::uint32_t slot) {
    const Op op = window.operation(slot);
    const State wanted = problem_.only_in[problem_.classes[op]];
    if (op < problem_.end && wanted >= 0) wants_.push_back({op, wanted});
  });
  const std::size_t later = later_[config.event];
  if (later == needers_.size()) return;
  wants_.push_back(needers_[first_[later]]);
  wants_.push_back(needers_[hardest_[later]]);
}

bool Outlook::is_hopeless(const Config& config, const Window& window, Move move) {
  return std::any_of(wants_.begin(), wants_.end(), [&](const Want& want) {
    return want.needer != move.what && !may_become(move.after, want.wanted) &&
           !may_be_reset(config, window, move, want);
  });
}

// Whether a reset that is still to come may lead to what is wanted, in time.
bool Outlook::may_be_reset(const Config& config, const Window& window, Move move, Want want) {
  const Op moved = move.what == Move::EXCUSE ? config.event : move.what;
  bool may = false;
  each(config.pending.data(), problem_.words, [&](std::uint32_t slot) {
    const Op op = window.operation(slot);
    const Class kind = problem_.classes[op];
    may = may || (op != moved && is_reset(kind) && may_lead_to(kind, want.wanted));
  });
  if (may) return true;
  std::size_t tried = 0;
  for (auto use = std::upper_bound(resets_.begin(), resets_.end(), config.event,
                                   [](Event at, const Use& reset) { return at < reset.arrival; });
       use != resets_.end() && use->arrival <= want.needer; ++use)
    if (++tried > RESETS_MAX || may_lead_to(problem_.classes[use->operation], want.wanted))
      return true;
  for (const std::uint32_t group : crashed_resets_) {
    const Crashed& crashed = problem_.crashed[group];
    if (crashed.arrivals[0] > want.needer) break;  // groups come by first arrival
    const std::uint32_t taken =
        used_.count(config.used, group) + (moved == problem_.live_count + group ? 1 : 0);
    if (taken >= crashed.arrivals.size() || crashed.arrivals[taken] > want.needer) continue;
    if (++tried > RESETS_MAX || may_lead_to(crashed.kind, want.wanted)) return true;
  }
  return false;
}

}  // namespace gong::search
