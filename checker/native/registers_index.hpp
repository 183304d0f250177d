// The number of each value of each object.
#pragma once

#include <bit>
#include <cstdint>

#include "../../history/native/column.hpp"
#include "../../history/native/hash_map.hpp"
#include "../../history/native/values.hpp"

namespace gong::registers {

class ValueIndex {
public:
    explicit ValueIndex(std::size_t expected) {
        slots_.resize(std::bit_ceil(expected + expected / 2 + 16), Slot{0, 0, kFree});
    }

    // Clients often count, so neighbouring words get neighbouring slots: four to a cache line.
    static std::uint64_t hash(std::int32_t object, Word word) {
        const auto bits = static_cast<std::uint64_t>(word);
        const std::uint64_t line = (bits >> (kTagBits + 2)) ^ (bits << 62) ^
                                   (static_cast<std::uint64_t>(object) * 0x9e3779b97f4a7c15ULL);
        return mixed(line) << 2 | (bits >> kTagBits & 3);
    }
    void prefetch(std::uint64_t hash) const {
        __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
    }
    // The number of the value; `next` is given to one that is new.
    std::int32_t at(std::int32_t object, Word word, std::uint64_t hash, std::int32_t next) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = hash & mask;
        for (; slots_[i].number != kFree; i = (i + 1) & mask)
            if (slots_[i].word == word && slots_[i].object == object) return slots_[i].number;
        slots_[i] = Slot{word, object, next};
        if (++used_ > slots_.size() / 4 * 3) grow();
        return next;
    }

private:
    static constexpr std::int32_t kFree = -1;
    struct Slot {
        Word word;
        std::int32_t object, number;
    };

    void grow() {
        Column<Slot> old;
        std::swap(old, slots_);
        slots_.resize(2 * old.size(), Slot{0, 0, kFree});
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t k = 0; k < old.size(); ++k) {
            if (old[k].number == kFree) continue;
            std::size_t i = hash(old[k].object, old[k].word) & mask;
            while (slots_[i].number != kFree) i = (i + 1) & mask;
            slots_[i] = old[k];
        }
    }

    Column<Slot> slots_;
    std::size_t used_ = 0;
};

}  // namespace gong::registers
