// Registers, key by key, whose written values are all different: decided in linear time.
//
// Works on the columns of a history (history/columns.py explains the words). The algorithm is that of
// zones, after Gibbons and Korach, "Testing shared memories" (1997), with chains for compare-and-set:
// docs/internals/columns.md has the argument, registers.cpp the steps.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "../../history/native/column.hpp"
#include "../../history/native/values.hpp"

namespace gong::registers {

enum class Kind : std::uint8_t {
    misfit = 0,   // the model does not know it, or nobody asked: the whole history is not for us
    foreign = 1,  // the model knows it, zones do not: its object is not for us
    read = 2,
    write = 3,
    cas = 4,
};

enum class Outcome : std::uint8_t { ok = 0, failed = 1, unknown = 2 };

// No word of a history: the initial value, when no operation mentions it.
inline constexpr Word kUnmentioned = 16;

struct Operations {
    std::size_t size = 0;
    std::int32_t point_count = 0;  // calls and returns are below this
    const std::int32_t *call = nullptr;
    const std::int32_t *return_ = nullptr;  // below 0 where there is none
    const std::uint8_t *outcome = nullptr;
    const std::uint8_t *f = nullptr;
    const Word *key = nullptr;  // null when the history is one object
    const Word *value = nullptr;
    const Word *output = nullptr;
    const Word *pairs = nullptr;
    const std::uint8_t *text_kinds = nullptr;
    std::array<Kind, 256> kinds{};
    Word initial = kNull;

    Kind kind(std::size_t i) const { return kinds[f[i]]; }
    Outcome result(std::size_t i) const { return static_cast<Outcome>(outcome[i]); }
    // Words of pairs, and of texts with an object in them, may differ for equal values.
    bool is_comparable(Word word) const {
        if (tag_of(word) == Tag::text)
            return text_kinds[payload_of(word)] != static_cast<std::uint8_t>(TextKind::has_object);
        return tag_of(word) != Tag::pair;
    }
    Word key_of(std::size_t i) const { return key == nullptr || key[i] == kAbsent ? kNull : key[i]; }
};

enum class Answer { accepted, refuted, declined, stopped };

struct Finding {
    Answer answer = Answer::declined;
    std::string rule;  // the structure that refutes, or the reason to decline
    // What refutes, by the roles that checker/columnar/zones.py words; -1 where a role is not taken.
    std::vector<std::int32_t> operations;
    Column<std::int32_t> order;  // a linearization, when accepted
    std::int64_t objects = 0;
    std::int64_t crashed = 0;
};

using Clock = std::chrono::steady_clock;

// `deadline`: give up as `stopped` soon after.
Finding judge(const Operations &operations, Clock::time_point deadline);

// Why `order` is no linearization, or an empty string. Shares no code with `judge`.
std::string flaw(const Operations &operations, const std::int32_t *order, std::size_t size);

}  // namespace gong::registers
