// The native search for orders as Python sees it: integers in, integers out. See
// `checker/orders/native.py`.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <tuple>

#include "orders_schedule.hpp"

namespace nb = nanobind;

namespace {

using namespace gong::orders;
using Time = std::chrono::steady_clock;

// How often Python is asked whether to go on: it watches the limits, and hears Ctrl-C.
constexpr auto POLL_EVERY = std::chrono::milliseconds(10);

Input input_of(const nb::object& lowered) {
  Input in;
  const auto read = [&](const char* name, auto& field) {
    field = nb::cast<std::decay_t<decltype(field)>>(lowered.attr(name));
  };
  read("keeps_time", in.keeps_time);
  read("bounds_max", in.bounds_max);
  read("part_count", in.part_count);
  read("parts", in.parts);
  read("classes", in.classes);
  read("calls", in.calls);
  read("returns", in.returns);
  read("chains", in.chains);
  read("goals", in.goals);
  read("first_class", in.first_class);
  read("kinds", in.kinds);
  read("only_in", in.only_in);
  read("targets", in.targets);
  read("not_in", in.not_in);
  read("sure", in.sure);
  read("optional", in.optional);
  read("optional_chains", in.optional_chains);
  read("opens", in.opens);
  read("closes", in.closes);
  read("needs", in.needs);
  read("excludes_end", in.excludes_end);
  read("is_needed", in.is_needed);
  return in;
}

Result search_released(const Input& input, const nb::callable& step, const nb::callable& poll,
                       bool looks_ahead) {
  auto last_poll = Time::now();
  const auto ask = [&](Part part, State state, Class kind) {
    const nb::gil_scoped_acquire held;
    return nb::cast<State>(step(part, state, kind));
  };
  const auto is_over = [&]() {
    const auto now = Time::now();
    if (now - last_poll < POLL_EVERY) return false;
    const nb::gil_scoped_acquire held;
    const bool over = nb::cast<bool>(poll());
    last_poll = Time::now();
    return over;
  };
  const nb::gil_scoped_release released;
  return find_order(input, ask, is_over, looks_ahead);
}

nb::tuple search_orders(const nb::object& lowered, bool looks_ahead, const nb::callable& step,
                        const nb::callable& poll) {
  const Result result = search_released(input_of(lowered), step, poll, looks_ahead);
  const char* status = result.status == Status::found   ? "found"
                       : result.status == Status::stuck ? "stuck"
                                                        : "stopped";
  std::vector<std::tuple<Op, Op, int, std::int64_t>> cycle;
  for (const auto& edge : result.cycle)
    cycle.emplace_back(edge.before, edge.after, static_cast<int>(edge.why),
                       edge.about == NONE ? -1 : static_cast<std::int64_t>(edge.about));
  const auto lost =
      result.without_source == NONE ? -1 : static_cast<std::int64_t>(result.without_source);
  return nb::make_tuple(status, result.order, result.fronts, result.states, cycle, lost,
                        result.looked_ahead, result.configurations);
}

}  // namespace

void bind_orders(nb::module_& m) {
  m.def("search_orders", &search_orders, nb::arg("lowered"), nb::arg("looks_ahead"),
        nb::arg("step"), nb::arg("poll"),
        "Search for an order other than real time; see checker/orders/native.py.");
}
