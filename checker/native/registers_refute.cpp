// What to show when there is no order: a few operations, by role, whose times and values contradict
// each other. checker/columnar/zones.py puts them into words; the roles are said at each rule.
#include "registers_zones.hpp"

namespace gong::registers {

Zones::Step Zones::decline(const char *reason) {
    finding_.answer = Answer::declined;
    finding_.rule = reason;
    return Step::end;
}

void Zones::decline_object(std::int32_t object, const char *reason) {
    objects_[static_cast<std::size_t>(object)].is_declined = true;
    declined_ = reason;
}

Zones::Step Zones::refute(const char *rule, std::vector<std::int32_t> operations) {
    // Whoever is in it, but never returned, comes with what shows that it took effect.
    for (std::size_t k = 0, count = operations.size(); k < count; ++k) {
        if (operations[k] == kNone || !is_pending(operations[k])) continue;
        const auto i = static_cast<std::size_t>(operations[k]);
        const Word value = in_.value[i];
        const Word made = in_.kind(i) == Kind::cas ? in_.pairs[2 * payload_of(value) + 1] : value;
        add_existence(value_of(object_of(i), made), operations);
    }
    finding_.answer = Answer::refuted;
    finding_.rule = rule;
    finding_.operations = std::move(operations);
    return Step::end;
}

// early, late: early returned before late was called, but has to stand behind it. Then the operations
// that make their values and all between.
Zones::Step Zones::refute_inversion(std::int32_t early, std::int32_t early_value, std::int32_t late,
                                    std::int32_t late_value) {
    std::vector<std::int32_t> found{early, late};
    add_links(late_value, early_value, found);
    return refute(late_value == early_value ? "read before its write" : "inverted chain", found);
}

// The operation of `a` that returned first and the one called last, with those that make their values;
// the same of `b`; then what links the values of each. `a` may be the block of the initial value.
Zones::Step Zones::refute_pair(const Block &a, const Block &b) {
    std::vector<std::int32_t> found;
    std::vector<std::int32_t> links;
    for (const Block *block : {&a, &b}) {
        std::int32_t returned_value = block->head, called_value = block->head;
        const std::int32_t returned = returning_at(*block, returned_value);
        const std::int32_t called = called_at(*block, called_value);
        found.push_back(values_[static_cast<std::size_t>(returned_value)].producer);
        found.push_back(returned);
        found.push_back(values_[static_cast<std::size_t>(called_value)].producer);
        found.push_back(called);
        // One of the two values stands before the other; only one of these walks finds it.
        add_links(returned_value, called_value, links);
        add_links(called_value, returned_value, links);
    }
    found.insert(found.end(), links.begin(), links.end());
    return refute("colliding zones", found);
}

// What makes the values from `from` to `to`, if `to` stands behind `from` in its chain.
void Zones::add_links(std::int32_t from, std::int32_t to, std::vector<std::int32_t> &found) const {
    std::vector<std::int32_t> producers;
    for (std::int32_t v = from; v != kNone; v = values_[static_cast<std::size_t>(v)].next) {
        const std::int32_t producer = values_[static_cast<std::size_t>(v)].producer;
        if (producer != kNone) producers.push_back(producer);
        if (v != to) continue;
        found.insert(found.end(), producers.begin(), producers.end());
        return;
    }
}

// What makes a value, and what shows that it took effect: its return, or a read, or who replaced it.
void Zones::add_existence(std::int32_t value, std::vector<std::int32_t> &found) const {
    std::size_t steps = 0;
    for (std::int32_t v = value; v != kNone; v = values_[static_cast<std::size_t>(v)].next) {
        const Value &shown = values_[static_cast<std::size_t>(v)];
        if (steps++ > values_.size()) return;  // a circle, and who left it is somebody else
        if (shown.producer != kNone) found.push_back(shown.producer);
        if (shown.producer == kNone || !is_pending(shown.producer)) return;
        if (shown.first_read != kNone) {
            found.push_back(first_returned(v));
            return;
        }
    }
}

// The read of `value` that returned first.
std::int32_t Zones::first_returned(std::int32_t value) const {
    const Value &of = values_[static_cast<std::size_t>(value)];
    std::int32_t r = of.first_read;
    while (return_of(r) != of.min_return) r = next_read_[static_cast<std::size_t>(r)];
    return r;
}

// The operation on `value` that was called last.
std::int32_t Zones::last_called(std::int32_t value) const {
    const Value &of = values_[static_cast<std::size_t>(value)];
    if (of.last_read == kNone) return of.producer;
    if (of.producer == kNone || in_.call[of.producer] < in_.call[of.last_read]) return of.last_read;
    return of.producer;
}

std::int32_t Zones::returning_at(const Block &block, std::int32_t &value) const {
    if (block.first < 0) return kNone;  // the initial value: it is there before everything
    for (std::int32_t v = block.head; v != kNone; v = values_[static_cast<std::size_t>(v)].next) {
        const Value &of = values_[static_cast<std::size_t>(v)];
        value = v;
        if (of.producer != kNone && return_of(of.producer) == block.first) return of.producer;
        if (of.first_read != kNone && of.min_return == block.first) return first_returned(v);
    }
    return kNone;
}

std::int32_t Zones::called_at(const Block &block, std::int32_t &value) const {
    for (std::int32_t v = block.head; v != kNone; v = values_[static_cast<std::size_t>(v)].next) {
        value = v;
        const std::int32_t called = last_called(v);
        if (called != kNone && in_.call[called] == block.last) return called;
    }
    return kNone;
}

}  // namespace gong::registers
