// The native search as Python sees it: integers in, integers out. See `checker/lowering.py`.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>

#include "search.hpp"

namespace nb = nanobind;

namespace {

using namespace gong::search;
using Clock = std::chrono::steady_clock;

// How often Python is asked whether to go on: it watches the limits, and hears Ctrl-C.
constexpr auto POLL_EVERY = std::chrono::milliseconds(10);

Result search_released(const Problem& problem, const nb::callable& step, const nb::callable& poll,
                       bool look_ahead, const nb::object& may_become) {
  auto last_poll = Clock::now();
  std::uint32_t skipped = 0;
  const auto ask = [&](State state, Class kind) {
    const nb::gil_scoped_acquire held;
    return nb::cast<State>(step(state, kind));
  };
  Outlook::Ask may;
  if (!may_become.is_none())
    may = [&](State state, State wanted) {
      const nb::gil_scoped_acquire held;
      return nb::cast<bool>(may_become(state, wanted));
    };
  const auto is_over = [&]() {
    if (++skipped < 16) return false;
    skipped = 0;
    const auto now = Clock::now();
    if (now - last_poll < POLL_EVERY) return false;
    last_poll = now;
    const nb::gil_scoped_acquire held;
    return nb::cast<bool>(poll());
  };
  const nb::gil_scoped_release released;
  return Search(problem, ask, is_over, look_ahead, may).run();
}

nb::tuple search(std::uint32_t live_count, std::vector<Class> classes, std::vector<Event> arrivals,
                 std::vector<std::uint8_t> kinds, std::vector<State> only_in,
                 std::vector<State> targets, Event end, bool look_ahead, const nb::callable& step,
                 const nb::callable& poll, std::vector<std::uint8_t> grows,
                 const nb::object& may_become) {
  const Problem problem({live_count, std::move(classes), std::move(arrivals), std::move(kinds),
                         std::move(only_in), std::move(targets), std::move(grows)},
                        end);
  const Result result = search_released(problem, step, poll, look_ahead, may_become);
  const char* const names[] = {"found", "stuck", "stopped", "contradicted"};
  const char* status = names[static_cast<std::size_t>(result.status)];
  return nb::make_tuple(status, result.order, result.event, result.states,
                        result.reached, result.looked_ahead, result.configurations);
}

}  // namespace

void bind_search(nb::module_& m) {
  m.def("search", &search, nb::arg("live_count"), nb::arg("classes"), nb::arg("arrivals"),
        nb::arg("kinds"), nb::arg("only_in"), nb::arg("targets"), nb::arg("end"),
        nb::arg("look_ahead"), nb::arg("step"), nb::arg("poll"), nb::arg("grows"),
        nb::arg("may_become").none(),
        "Search for a linearization; see checker/lowering.py.");
}
