// An order is believed when this finds no flaw in it. It knows operations and nothing else: no zones, no
// numbers of values, nothing that registers.cpp has computed. The rules are those of checker/witness.py.
#include <string>

#include "registers.hpp"

namespace gong::registers {

namespace {

std::string flaw_of(std::size_t i, const char *what) {
    return "operation " + std::to_string(i) + " " + what;
}

// The state after operation i; false when its result is impossible in `state`.
bool step(const Operations &in, std::size_t i, Word &state) {
    const bool is_known = in.result(i) == Outcome::ok;
    switch (in.kind(i)) {
    case Kind::read: return !is_known || in.output[i] == state;
    case Kind::write: state = in.value[i]; return true;
    case Kind::cas: break;
    default: return false;
    }
    if (tag_of(in.value[i]) != Tag::pair) return false;
    const Word old = in.pairs[2 * payload_of(in.value[i])];
    const Word made = in.pairs[2 * payload_of(in.value[i]) + 1];
    const bool fits = state == old;
    if (is_known && fits != (in.output[i] == kTrue)) return false;
    if (fits) state = made;
    return true;
}

}  // namespace

std::string flaw(const Operations &in, const std::int32_t *order, std::size_t size) {
    std::vector<bool> placed(in.size);
    HashMap<Word, Word, HashWord> states;  // by key
    std::int32_t latest_call = -1;
    for (std::size_t k = 0; k < size; ++k) {
        const auto i = static_cast<std::size_t>(order[k]);
        if (order[k] < 0 || i >= in.size) return flaw_of(i, "is not in the history");
        if (placed[i]) return flaw_of(i, "stands in it twice");
        placed[i] = true;
        if (in.result(i) == Outcome::failed) return flaw_of(i, "did not happen");
        if (in.call[i] > latest_call) latest_call = in.call[i];
        if (in.return_[i] >= 0 && in.return_[i] < latest_call)
            return flaw_of(i, "returned before one was called that it stands behind");
        if (!step(in, i, states.at(in.key_of(i), in.initial)))
            return flaw_of(i, "is impossible in the state that it meets");
    }
    for (std::size_t i = 0; i < in.size; ++i)
        if (in.result(i) == Outcome::ok && !placed[i]) return flaw_of(i, "completed and is not in it");
    return {};
}

}  // namespace gong::registers
