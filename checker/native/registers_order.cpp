// From blocks to a linearization, or to two blocks that each have to stand before the other.
//
// Block A stands before B when an operation of A returned before one of B was called: A.first < B.last.
// A cycle of this relation contains two blocks that do so to each other: either both are forward
// (first < last) and overlap, or one is forward and contains the other, which is backward. Going through
// blocks by their left ends it is enough to compare each with the latest forward one of its object; and
// when none collide, this order of the left ends is the linearization:
//
// - a forward block takes the place of its interval; those of one object are disjoint;
// - a backward block takes one point of its interval [last, first] that is inside no forward block: its
//   left end, or the right end of the forward block that covers that. Points and intervals then keep the
//   relation, and have the order of the left ends.
#include <algorithm>

#include "registers_zones.hpp"

namespace gong::registers {

Zones::Step Zones::arrange() {
    Column<std::int32_t> at;  // left end -> block
    at.resize(static_cast<std::size_t>(in_.point_count), kNone);
    block_order_.reserve(blocks_.size());
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
        const Block &block = blocks_[b];
        const std::int32_t left = std::min(block.first, block.last);
        if (left >= 0) {
            at[static_cast<std::size_t>(left)] = static_cast<std::int32_t>(b);
            continue;
        }
        Object &object = objects_[static_cast<std::size_t>(block.object)];
        object.right = block.last;
        object.block = static_cast<std::int32_t>(b);
        block_order_.push(static_cast<std::int32_t>(b));
    }
    for (std::size_t point = 0; point < at.size(); ++point) {
        if (at[point] == kNone) continue;
        const Block &block = blocks_[static_cast<std::size_t>(at[point])];
        Object &object = objects_[static_cast<std::size_t>(block.object)];
        if (block.first < object.right)
            return refute_pair(blocks_[static_cast<std::size_t>(object.block)], block);
        if (block.is_forward()) {
            object.right = block.last;
            object.block = at[point];
        }
        block_order_.push(at[point]);
    }
    return Step::next;
}

// Call `visit(operation, value)` for all that takes effect: in order for each object.
template <typename Visit>
void Zones::visit_in_order(Visit visit) {
    for (std::size_t k = 0; k < block_order_.size(); ++k) {
        std::int32_t v = blocks_[static_cast<std::size_t>(block_order_[k])].head;
        for (; v != kNone; v = values_[static_cast<std::size_t>(v)].next) {
            const Value &value = values_[static_cast<std::size_t>(v)];
            if (value.producer != kNone) visit(value.producer, v);
            for (std::int32_t r = value.first_read; r != kNone;
                 r = next_read_[static_cast<std::size_t>(r)])
                visit(r, v);
        }
    }
}

// A failed cas says that its object did not hold a value, which is so all but once in the order that was
// found: each is put into the first gap that will do, in the order of their calls. When some find none,
// another order, or a write of unknown outcome, might have had room: that is for others to search.
Zones::Step Zones::place_misses() {
    Column<std::int32_t> places, begins, ends;  // by operation; by value: the gaps in which it is held
    places.resize(in_.size, kNone);
    begins.resize(values_.size(), kNever);
    ends.resize(values_.size(), kNever);
    Column<std::int32_t> held;  // by object
    for (std::size_t o = 0; o < objects_.size(); ++o) {
        held.push(objects_[o].initial);
        begins[static_cast<std::size_t>(objects_[o].initial)] = 0;
    }
    visit_in_order([&](std::int32_t i, std::int32_t v) {
        const auto o = static_cast<std::size_t>(values_[static_cast<std::size_t>(v)].object);
        const std::int32_t place = objects_[o].position++;
        places[static_cast<std::size_t>(i)] = place;
        if (held[o] == v) return;
        ends[static_cast<std::size_t>(held[o])] = place;
        begins[static_cast<std::size_t>(v)] = place + 1;
        held[o] = v;
    });

    order_events();
    Column<std::int32_t> miss_of;
    miss_of.resize(in_.size, kNone);
    for (std::size_t m = 0; m < misses_.size(); ++m)
        miss_of[static_cast<std::size_t>(misses_[m].operation)] = static_cast<std::int32_t>(m);
    Column<std::int32_t> object_at;  // by operation
    object_at.resize(in_.size, kNone);
    visit_in_order([&](std::int32_t i, std::int32_t v) {
        object_at[static_cast<std::size_t>(i)] = values_[static_cast<std::size_t>(v)].object;
    });
    for (std::size_t point = 0; point < events_.size(); ++point) {
        if (events_[point] == kNone) continue;
        const auto i = static_cast<std::size_t>(events_[point] / 2);
        const bool is_return = events_[point] % 2 != 0;
        if (miss_of[i] != kNone) {
            Miss &miss = misses_[static_cast<std::size_t>(miss_of[i])];
            Object &object = objects_[static_cast<std::size_t>(miss.object)];
            if (is_return) {
                object.gap = std::max(object.gap, miss.gap);
                continue;
            }
            const auto v = static_cast<std::size_t>(miss.value);
            miss.gap = object.gap;
            if (begins[v] > miss.gap || miss.gap > ends[v]) continue;
            if (ends[v] == kNever)
                decline_object(miss.object, "a failed cas has no place in the order that was found");
            else
                miss.gap = ends[v] + 1;
        } else if (is_return && places[i] != kNone) {
            Object &object = objects_[static_cast<std::size_t>(object_at[i])];
            object.gap = std::max(object.gap, places[i] + 1);
        }
    }
    for (std::size_t point = events_.size(); point-- > 0;) {
        if (events_[point] == kNone) continue;
        const auto i = static_cast<std::size_t>(events_[point] / 2);
        const bool is_return = events_[point] % 2 != 0;
        if (miss_of[i] != kNone) {
            const Miss &miss = misses_[static_cast<std::size_t>(miss_of[i])];
            if (is_return && miss.gap > objects_[static_cast<std::size_t>(miss.object)].earliest)
                decline_object(miss.object, "a failed cas has no place in the order that was found");
        } else if (!is_return && places[i] != kNone) {
            Object &object = objects_[static_cast<std::size_t>(object_at[i])];
            object.earliest = std::min(object.earliest, places[i]);
        }
    }
    // By object and gap; those of one gap stay in the order of their calls.
    std::stable_sort(misses_.data(), misses_.data() + misses_.size(), [](const Miss &a, const Miss &b) {
        return a.object != b.object ? a.object < b.object : a.gap < b.gap;
    });
    for (std::size_t m = misses_.size(); m-- > 0;) {
        Object &object = objects_[static_cast<std::size_t>(misses_[m].object)];
        if (object.miss_end == 0) object.miss_end = static_cast<std::int32_t>(m + 1);
        object.miss = static_cast<std::int32_t>(m);
    }
    for (std::size_t o = 0; o < objects_.size(); ++o) objects_[o].position = 0;
    return Step::next;
}

// One order of all objects: each operation at the latest call up to it in the order of its own object,
// which is a time between its call and its return. No two objects share such a time.
void Zones::write_order() {
    Column<std::int32_t> operations, times;
    operations.reserve(in_.size);
    times.reserve(in_.size);
    const auto emit = [&](std::int32_t i, Object &object) {
        object.running = std::max(object.running, in_.call[i]);
        operations.push(i);
        times.push(object.running);
    };
    const auto emit_misses = [&](Object &object) {
        for (; object.miss < object.miss_end; ++object.miss) {
            const Miss &miss = misses_[static_cast<std::size_t>(object.miss)];
            if (miss.gap > object.position) break;
            emit(miss.operation, object);
        }
    };
    visit_in_order([&](std::int32_t i, std::int32_t v) {
        const auto o = static_cast<std::size_t>(values_[static_cast<std::size_t>(v)].object);
        Object &object = objects_[o];
        emit_misses(object);
        emit(i, object);
        ++object.position;
    });
    for (std::size_t o = 0; o < objects_.size(); ++o) emit_misses(objects_[o]);
    if (objects_.size() <= 1) {
        finding_.order = std::move(operations);
        return;
    }
    Column<std::int32_t> begin;
    begin.resize(static_cast<std::size_t>(in_.point_count) + 1, 0);
    for (std::size_t k = 0; k < times.size(); ++k) ++begin[static_cast<std::size_t>(times[k]) + 1];
    for (std::size_t t = 1; t < begin.size(); ++t) begin[t] += begin[t - 1];
    finding_.order.resize(operations.size(), 0);
    for (std::size_t k = 0; k < operations.size(); ++k)
        finding_.order[static_cast<std::size_t>(begin[static_cast<std::size_t>(times[k])]++)] =
            operations[k];
}

}  // namespace gong::registers
