// Registers, key by key, by the general search, without asking Python anything.
//
// For objects that zones decline: values written twice, cas that failed. The rules of the models
// `register`, `cas-register` and `kv` without appends are few enough to know here, so numbering,
// classes and transitions need no interpreter. What the numbers mean is told in checker/prepare.py
// and checker/lowering.py, which do the same for every model, and are what this is tested against.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "registers.hpp"

namespace gong::registers {

struct Searched {
    // Declined: more work than was allowed, or operations that only Python understands.
    Answer answer = Answer::declined;
    Column<std::int32_t> order;  // a linearization, when accepted
    std::int64_t objects = 0;
    std::int64_t crashed = 0;
    // Refuted: the first operation by return that no order explains, the values that its object
    // could have when it returned, and the operations that ran beside it.
    std::int32_t operation = -1;
    std::vector<Word> values;
    std::vector<std::int32_t> beside;
};

// Explores at most `configurations` in all; `poll` returns true to end the search.
Searched search(const Operations &operations, std::size_t configurations,
                const std::function<bool()> &poll);

}  // namespace gong::registers
