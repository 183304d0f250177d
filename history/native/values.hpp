// JSON values as words of 64 bits.
//
// A word is equal to another exactly when the values are equal as JSON, but for two kinds that say so:
// pairs (the arguments of a cas: nearly all differ, so they are not looked up) and texts that hold an
// object (whose members may stand in any order).
//
//     ...00   a constant: null, true, false, or absent
//     ...01   a whole number of up to 18 digits
//     ...10   a text: a string, or a list or object without blanks, kept once, as JSON
//     ...11   a pair of two words that are neither pairs nor lists
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "column.hpp"
#include "hash_map.hpp"

namespace gong {

using Word = std::int64_t;

inline constexpr Word kNull = 0, kTrue = 4, kFalse = 8, kAbsent = 12;
inline constexpr int kTagBits = 2;
enum class Tag : int { constant = 0, number = 1, text = 2, pair = 3 };

inline Tag tag_of(Word word) { return static_cast<Tag>(word & 3); }
inline Word tagged(std::int64_t payload, Tag tag) {
    return static_cast<Word>((static_cast<std::uint64_t>(payload) << kTagBits) |
                             static_cast<std::uint64_t>(tag));
}
inline std::int64_t payload_of(Word word) { return word >> kTagBits; }

enum class TextKind : std::uint8_t { string = 0, list = 1, has_object = 2 };

// What the words point at.
class Values {
public:
    Word text(std::string_view json, TextKind kind) {
        if (2 * (kinds.size() + 1) > slots_.size()) grow();
        const std::uint32_t hash = hash_of(json);
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = hash & mask;
        for (; slots_[i].number != kFree; i = (i + 1) & mask)
            if (slots_[i].hash == hash && content(slots_[i].number) == json)
                return tagged(slots_[i].number, Tag::text);
        const auto number = static_cast<std::uint32_t>(kinds.size());
        slots_[i] = Slot{hash, number};
        bytes.append(json.data(), json.size());
        ends.push(static_cast<std::int64_t>(bytes.size()));
        kinds.push(static_cast<std::uint8_t>(kind));
        return tagged(number, Tag::text);
    }
    Word pair(Word first, Word second) {
        pairs.push(first);
        pairs.push(second);
        return tagged(static_cast<std::int64_t>(pairs.size() / 2 - 1), Tag::pair);
    }
    // Forget a pair that nobody refers to, if it is the newest.
    void forget(Word word) {
        if (tag_of(word) != Tag::pair) return;
        if (payload_of(word) == static_cast<std::int64_t>(pairs.size() / 2) - 1) {
            pairs.pop();
            pairs.pop();
        }
    }
    bool is_string(Word word) const {
        return tag_of(word) == Tag::text && kind(word) == TextKind::string;
    }
    bool is_scalar(Word word) const {
        return tag_of(word) == Tag::text ? is_string(word) : tag_of(word) != Tag::pair;
    }
    // Whether it says where the system put an operation: a shard, and a number in it.
    bool is_stamp(Word word) const {
        if (tag_of(word) != Tag::pair) return false;
        const auto place = 2 * static_cast<std::size_t>(payload_of(word));
        const Word shard = pairs[place];
        return (tag_of(shard) == Tag::number || is_string(shard)) &&
               tag_of(pairs[place + 1]) == Tag::number;
    }
    TextKind kind(Word text) const {
        return static_cast<TextKind>(kinds[static_cast<std::size_t>(payload_of(text))]);
    }
    std::string_view content(std::size_t number) const {
        const std::int64_t begin = number == 0 ? 0 : ends[number - 1];
        return {bytes.data() + begin, static_cast<std::size_t>(ends[number] - begin)};
    }
    void drop_index() { std::vector<Slot>().swap(slots_); }

    Column<char> bytes;
    Column<std::int64_t> ends;
    Column<std::uint8_t> kinds;
    Column<Word> pairs;

private:
    static constexpr std::uint32_t kFree = 0xffffffff;
    struct Slot {
        std::uint32_t hash, number;
    };

    static std::uint32_t hash_of(std::string_view json) {
        std::uint64_t h = json.size() * 0x9e3779b97f4a7c15ULL, chunk;
        const char *p = json.data();
        std::size_t left = json.size();
        for (; left >= 8; left -= 8, p += 8) {
            std::memcpy(&chunk, p, 8);
            h = mixed(h ^ chunk);
        }
        chunk = 0;
        std::memcpy(&chunk, p, left);
        return static_cast<std::uint32_t>(mixed(h ^ chunk));
    }
    void grow() {
        std::vector<Slot> old(slots_.empty() ? 64 : 2 * slots_.size(), Slot{0, kFree});
        old.swap(slots_);
        const std::size_t mask = slots_.size() - 1;
        for (const Slot &slot : old) {
            if (slot.number == kFree) continue;
            std::size_t i = slot.hash & mask;
            while (slots_[i].number != kFree) i = (i + 1) & mask;
            slots_[i] = slot;
        }
    }

    std::vector<Slot> slots_;
};

}  // namespace gong
