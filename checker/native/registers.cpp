// From operations to blocks: group by value, drop what cannot matter, link cas to chains.
//
// A value is written once, so the operations on it (its write, its reads) stand next to each other in
// any linearization, and those of a chain of cas do as well: they form a block. Whether blocks can be
// ordered is decided in registers_order.cpp.
#include <algorithm>

#include "registers_zones.hpp"

namespace gong::registers {

namespace {

constexpr std::size_t kBatch = 32;           // operations whose slots are fetched ahead of use
constexpr std::size_t kPollEvery = 1 << 16;  // operations between two looks at the clock: about 5 ms

std::size_t producer_count(const Operations &in) {
    std::array<std::size_t, 256> counts{};
    for (std::size_t i = 0; i < in.size; ++i) ++counts[in.f[i]];
    std::size_t sum = 0;
    for (std::size_t f = 0; f < counts.size(); ++f)
        if (in.kinds[f] == Kind::write || in.kinds[f] == Kind::cas) sum += counts[f];
    return sum;
}

}  // namespace

Finding judge(const Operations &operations, Clock::time_point deadline) {
    return Zones(operations, deadline).judge();
}

Zones::Zones(const Operations &operations, Clock::time_point deadline)
    : in_(operations), deadline_(deadline), index_(producer_count(operations)) {
    values_.reserve(producer_count(operations) + 1);
}

Finding Zones::judge() {
    const bool ended = gather() == Step::end || keep() == Step::end ||
                       (has_cas_ && link() == Step::end) || form_blocks() == Step::end ||
                       arrange() == Step::end || (!misses_.empty() && place_misses() == Step::end);
    if (!ended) {
        if (declined_ != nullptr) {
            decline(declined_);
        } else {
            write_order();
            finding_.answer = Answer::accepted;
        }
    }
    finding_.objects = static_cast<std::int64_t>(objects_.size());
    return std::move(finding_);
}

bool Zones::is_late(std::size_t i) {
    if (i % kPollEvery != 0 || Clock::now() < deadline_) return false;
    finding_.answer = Answer::stopped;
    return true;
}

// Every operation to its object and value, in the order of the calls.
Zones::Step Zones::gather() {
    order_by_call();
    next_read_.resize(in_.size, kNone);
    std::array<std::size_t, kBatch> number{};
    std::array<std::int32_t, kBatch> object{};
    for (std::size_t begin = 0; begin < in_.size; begin += kBatch) {
        if (is_late(begin)) return Step::end;
        const std::size_t count = std::min(kBatch, in_.size - begin);
        for (std::size_t k = 0; k < count; ++k) {
            const std::size_t i = number[k] =
                by_call_.empty() ? begin + k : static_cast<std::size_t>(by_call_[begin + k]);
            finding_.crashed += in_.result(i) == Outcome::unknown;
            if (in_.result(i) == Outcome::failed) continue;
            object[k] = object_of(i);
            const Kind kind = in_.kind(i);
            const Word word = kind == Kind::read ? in_.output[i] : in_.value[i];
            if (kind == Kind::cas && tag_of(word) == Tag::pair) {
                const Word *pair = in_.pairs + 2 * payload_of(word);
                index_.prefetch(ValueIndex::hash(object[k], pair[0]));
                index_.prefetch(ValueIndex::hash(object[k], pair[1]));
            } else {
                index_.prefetch(ValueIndex::hash(object[k], word));
            }
        }
        for (std::size_t k = 0; k < count; ++k)
            if (in_.result(number[k]) != Outcome::failed && take(number[k], object[k]) == Step::end)
                return Step::end;
    }
    return Step::next;
}

void Zones::order_by_call() {
    if (std::is_sorted(in_.call, in_.call + in_.size)) return;
    order_events();
    for (std::size_t point = 0; point < events_.size(); ++point)
        if (events_[point] >= 0 && events_[point] % 2 == 0) by_call_.push(events_[point] / 2);
}

void Zones::order_events() {
    if (!events_.empty()) return;
    events_.resize(static_cast<std::size_t>(in_.point_count), kNone);
    for (std::size_t i = 0; i < in_.size; ++i) {
        const auto number = static_cast<std::int32_t>(2 * i);
        events_[static_cast<std::size_t>(in_.call[i])] = number;
        if (in_.return_[i] >= 0) events_[static_cast<std::size_t>(in_.return_[i])] = number + 1;
    }
}

std::int32_t Zones::object_of(std::size_t i) {
    const Word key = in_.key_of(i);
    if (key == last_key_) return last_object_;
    const auto fresh = static_cast<std::int32_t>(objects_.size());
    const std::int32_t number = object_numbers_.at(key, fresh);
    if (number == fresh) {
        objects_.push(Object{});
        const std::int32_t initial = value_of(number, in_.initial);
        objects_[static_cast<std::size_t>(number)].initial = initial;
        values_[static_cast<std::size_t>(initial)].is_initial = true;
    }
    last_key_ = key;
    return last_object_ = number;
}

std::int32_t Zones::value_of(std::int32_t object, Word word) {
    const auto fresh = static_cast<std::int32_t>(values_.size());
    const std::int32_t number = index_.at(object, word, ValueIndex::hash(object, word), fresh);
    if (number == fresh) {
        Value value;
        value.object = object;
        values_.push(value);
    }
    return number;
}

Zones::Step Zones::take(std::size_t i, std::int32_t object) {
    const auto number = static_cast<std::int32_t>(i);
    const bool is_known = in_.result(i) == Outcome::ok;
    switch (in_.kind(i)) {
    case Kind::misfit: return decline("an operation does not fit the model");
    case Kind::foreign:
        decline_object(object, "an operation is neither read, write nor cas");
        return Step::next;
    case Kind::read:
        if (!is_known) return Step::next;  // never required, and drops out of any order
        if (!in_.is_comparable(in_.output[i])) return decline("values cannot be compared as words");
        take_read(number, value_of(object, in_.output[i]));
        return Step::next;
    case Kind::write:
        if (!in_.is_comparable(in_.value[i])) return decline("values cannot be compared as words");
        take_producer(number, value_of(object, in_.value[i]));
        return Step::next;
    case Kind::cas: break;
    }
    if (tag_of(in_.value[i]) != Tag::pair) return decline("an operation does not fit the model");
    has_cas_ = true;
    const Word *pair = in_.pairs + 2 * payload_of(in_.value[i]);
    const std::int32_t old = value_of(object, pair[0]);
    if (is_known && in_.output[i] != kTrue) {
        misses_.push(Miss{number, old, object, 0});
        return Step::next;
    }
    if (pair[0] == pair[1]) {  // changes nothing: a read, and when unknown nothing at all
        if (is_known) take_read(number, old);
        return Step::next;
    }
    const std::int32_t made = value_of(object, pair[1]);
    take_producer(number, made);
    Value &value = values_[static_cast<std::size_t>(made)];
    if (value.producer == number) value.source = old;
    return Step::next;
}

void Zones::take_read(std::int32_t i, std::int32_t number) {
    Value &value = values_[static_cast<std::size_t>(number)];
    value.min_return = std::min(value.min_return, return_of(i));
    if (value.last_read == kNone)
        value.first_read = i;
    else
        next_read_[static_cast<std::size_t>(value.last_read)] = i;
    value.last_read = i;
}

void Zones::take_producer(std::int32_t i, std::int32_t number) {
    Value &value = values_[static_cast<std::size_t>(number)];
    if (value.is_initial || value.producer != kNone)
        decline_object(value.object, "a value is written twice");
    else
        value.producer = i;
}

// What must take effect: what returned, what was read, and what a cas that must took its value from.
// The rest of unknown outcome is left out. Failed cas aside, leaving out a write that nobody observed
// keeps an order an order.
Zones::Step Zones::keep() {
    for (std::size_t v = 0; v < values_.size(); ++v) {
        if (is_late(v)) return Step::end;
        Value &value = values_[v];
        const bool is_read = value.first_read != kNone;
        if (objects_[static_cast<std::size_t>(value.object)].is_declined) continue;
        if (value.producer == kNone) {
            if (is_read && !value.is_initial)
                return refute("unwritten value", {first_returned(static_cast<std::int32_t>(v))});
            continue;
        }
        if (is_pending(value.producer) && !is_read) continue;
        value.is_kept = true;
        for (std::int32_t u = value.source; u != kNone;) {
            Value &needed = values_[static_cast<std::size_t>(u)];
            if (needed.producer == kNone || needed.is_kept || !is_pending(needed.producer)) break;
            needed.is_kept = true;
            u = needed.source;
        }
    }
    return Step::next;
}

// Each value may be taken by one cas only, since it never comes back.
Zones::Step Zones::link() {
    std::int32_t twice = kNone, unwritten = kNone;
    for (std::size_t v = 0; v < values_.size(); ++v) {
        const Value &value = values_[v];
        if (!value.is_kept || value.source == kNone) continue;
        if (objects_[static_cast<std::size_t>(value.object)].is_declined) continue;
        const auto number = static_cast<std::int32_t>(v);
        Value &source = values_[static_cast<std::size_t>(value.source)];
        if (source.producer == kNone && !source.is_initial && unwritten == kNone) unwritten = number;
        if (source.next != kNone && twice == kNone)
            twice = number;
        else if (source.next == kNone)
            source.next = number;
    }
    const auto producer = [this](std::int32_t v) { return values_[static_cast<std::size_t>(v)].producer; };
    if (unwritten != kNone) return refute("unwritten value", {producer(unwritten)});
    if (twice != kNone) {
        const std::int32_t source = values_[static_cast<std::size_t>(twice)].source;
        const std::int32_t other = values_[static_cast<std::size_t>(source)].next;
        return refute("value taken twice", {producer(twice), producer(other), producer(source)});
    }
    return Step::next;
}

Zones::Step Zones::form_blocks() {
    blocks_.reserve(values_.size());
    for (std::size_t v = 0; v < values_.size(); ++v) {
        if (is_late(v)) return Step::end;
        const Value &value = values_[v];
        if (objects_[static_cast<std::size_t>(value.object)].is_declined) continue;
        const bool is_head = value.is_initial || (value.is_kept && value.source == kNone);
        if (is_head && close_chain(static_cast<std::int32_t>(v)) == Step::end) return Step::end;
    }
    for (std::size_t v = 0; has_cas_ && v < values_.size(); ++v) {
        const Value &value = values_[v];
        if (!value.is_kept || value.is_chained) continue;
        if (objects_[static_cast<std::size_t>(value.object)].is_declined) continue;
        // Its sources lead to no head, so they lead in a circle.
        std::int32_t u = static_cast<std::int32_t>(v);
        for (std::size_t steps = 0; steps < values_.size(); ++steps)
            u = values_[static_cast<std::size_t>(u)].source;
        std::vector<std::int32_t> found;
        const std::int32_t begin = u;
        do {
            found.push_back(values_[static_cast<std::size_t>(u)].producer);
            u = values_[static_cast<std::size_t>(u)].source;
        } while (u != begin);
        return refute("circle of cas", found);
    }
    return Step::next;
}

// Walk a chain in order: nothing may return before what stands in front of it was called.
Zones::Step Zones::close_chain(std::int32_t head) {
    Block block{head, kNever, kNone, values_[static_cast<std::size_t>(head)].object};
    std::int32_t latest = head;  // the value with the latest call so far, and who called
    std::int32_t caller = kNone;
    for (std::int32_t v = head; v != kNone; v = values_[static_cast<std::size_t>(v)].next) {
        Value &value = values_[static_cast<std::size_t>(v)];
        value.is_chained = true;
        if (value.producer != kNone) {
            const std::int32_t end = return_of(value.producer);
            if (end < block.last) return refute_inversion(value.producer, v, caller, latest);
            block.first = std::min(block.first, end);
            const std::int32_t call = in_.call[value.producer];
            if (call > block.last) block.last = call, latest = v, caller = value.producer;
        }
        if (value.first_read == kNone) continue;
        if (value.min_return < block.last)
            return refute_inversion(first_returned(v), v, caller, latest);
        block.first = std::min(block.first, value.min_return);
        const std::int32_t call = in_.call[value.last_read];
        if (call > block.last) block.last = call, latest = v, caller = value.last_read;
    }
    if (block.last == kNone) return Step::next;  // an initial value that nobody saw
    if (values_[static_cast<std::size_t>(head)].is_initial) block.first = -1;
    blocks_.push(block);
    return Step::next;
}

}  // namespace gong::registers
