#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "registers.hpp"

namespace nb = nanobind;

namespace {

using gong::Word;
using gong::registers::Answer;
using gong::registers::Clock;
using gong::registers::Finding;
using gong::registers::Kind;
using gong::registers::Operations;

template <typename T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// The columns as the engine takes them; they stay the caller's.
Operations operations_of(const In<std::int32_t> &calls, const In<std::int32_t> &returns,
                         std::int32_t point_count, const In<std::uint8_t> &outcomes,
                         const In<std::uint8_t> &names, const nb::bytes &kinds,
                         const nb::object &keys, const In<Word> &values, const In<Word> &outputs,
                         const In<Word> &pairs,
                         const In<std::uint8_t> &text_kinds, Word initial) {
    Operations in;
    in.size = calls.size();
    if (returns.size() != in.size || outcomes.size() != in.size || names.size() != in.size ||
        values.size() != in.size || outputs.size() != in.size)
        throw std::invalid_argument("columns differ in length");
    in.point_count = point_count;
    in.call = calls.data();
    in.return_ = returns.data();
    in.outcome = outcomes.data();
    in.f = names.data();
    for (std::size_t f = 0; f < kinds.size() && f < in.kinds.size(); ++f)
        in.kinds[f] = static_cast<Kind>(kinds.c_str()[f]);
    if (!keys.is_none()) {
        const auto column = nb::cast<In<Word>>(keys);
        if (column.size() != in.size) throw std::invalid_argument("columns differ in length");
        in.key = column.data();
    }
    in.value = values.data();
    in.output = outputs.data();
    in.pairs = pairs.data();
    in.text_kinds = text_kinds.data();
    in.initial = initial;
    return in;
}

nb::object judge(const In<std::int32_t> &calls, const In<std::int32_t> &returns,
                 std::int32_t point_count, const In<std::uint8_t> &outcomes,
                 const In<std::uint8_t> &names, const nb::bytes &kinds, const nb::object &keys,
                 const In<Word> &values, const In<Word> &outputs, const In<Word> &pairs,
                 const In<std::uint8_t> &text_kinds, Word initial, double seconds) {
    const Operations in = operations_of(calls, returns, point_count, outcomes, names, kinds, keys,
                                        values, outputs, pairs, text_kinds, initial);
    Finding *finding = nullptr;
    {
        nb::gil_scoped_release release;
        const auto deadline =
            seconds < 0 ? Clock::time_point::max()
                        : Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(seconds));
        finding = new Finding(gong::registers::judge(in, deadline));
        if (finding->answer == Answer::accepted) {
            const std::string flaw =
                gong::registers::flaw(in, finding->order.data(), finding->order.size());
            if (!flaw.empty()) {
                delete finding;
                throw std::logic_error("zones claim a linearization that is none: " + flaw);
            }
        }
    }
    return nb::cast(finding, nb::rv_policy::take_ownership);
}

std::string flaw(const In<std::int32_t> &calls, const In<std::int32_t> &returns,
                 std::int32_t point_count, const In<std::uint8_t> &outcomes,
                 const In<std::uint8_t> &names, const nb::bytes &kinds, const nb::object &keys,
                 const In<Word> &values, const In<Word> &outputs, const In<Word> &pairs,
                 const In<std::uint8_t> &text_kinds, Word initial, const In<std::int32_t> &order) {
    const Operations in = operations_of(calls, returns, point_count, outcomes, names, kinds, keys,
                                        values, outputs, pairs, text_kinds, initial);
    nb::gil_scoped_release release;
    return gong::registers::flaw(in, order.data(), order.size());
}

const char *answer(const Finding &finding) {
    switch (finding.answer) {
    case Answer::accepted: return "accepted";
    case Answer::refuted: return "refuted";
    case Answer::declined: return "declined";
    case Answer::stopped: return "stopped";
    }
    return "";
}

nb::ndarray<nb::memview, std::int32_t, nb::ndim<1>> order(nb::handle_t<Finding> self) {
    static std::int32_t nothing = 0;
    auto &found = nb::cast<Finding &>(self).order;
    return {found.empty() ? &nothing : found.data(), {found.size()}, self};
}

}  // namespace

void bind_registers(nb::module_ &m) {
    nb::class_<Finding>(m, "RegistersFinding")
        .def_prop_ro("answer", &answer)
        .def_ro("rule", &Finding::rule)
        .def_ro("operations", &Finding::operations)
        .def_prop_ro("order", &order)
        .def_ro("objects", &Finding::objects)
        .def_ro("crashed", &Finding::crashed);
    m.def("judge_registers", &judge, nb::arg("calls"), nb::arg("returns"), nb::arg("point_count"),
          nb::arg("outcomes"), nb::arg("names"), nb::arg("kinds"), nb::arg("keys").none(),
          nb::arg("values"), nb::arg("outputs"), nb::arg("pairs"), nb::arg("text_kinds"),
          nb::arg("initial"),
          nb::arg("seconds"));
    m.def("registers_flaw", &flaw, nb::arg("calls"), nb::arg("returns"), nb::arg("point_count"),
          nb::arg("outcomes"), nb::arg("names"), nb::arg("kinds"), nb::arg("keys").none(),
          nb::arg("values"), nb::arg("outputs"), nb::arg("pairs"), nb::arg("text_kinds"),
          nb::arg("initial"),
          nb::arg("order"));
}
