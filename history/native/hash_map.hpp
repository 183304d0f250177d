// Open addressing from 64-bit keys to small values; there is no deletion, because nothing here forgets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gong {

inline std::uint64_t mixed(std::uint64_t x) {  // the finalizer of splitmix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

template <typename Key, typename Value, typename Hash>
class HashMap {
public:
    // The value of `key`; `fresh` where the key is new.
    Value &at(const Key &key, const Value &fresh) {
        if (2 * (size_ + 1) > slots_.size()) grow();
        Slot &slot = find(key);
        if (!slot.used) {
            slot = Slot{key, fresh, true};
            ++size_;
        }
        return slot.value;
    }
    // Where the value of `key` stands, or null.
    Value *look(const Key &key) {
        if (slots_.empty()) return nullptr;
        Slot &slot = find(key);
        return slot.used ? &slot.value : nullptr;
    }
    std::size_t size() const { return size_; }

private:
    struct Slot {
        Key key;
        Value value;
        bool used;
    };

    Slot &find(const Key &key) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = Hash{}(key) & mask;
        while (slots_[i].used && !(slots_[i].key == key)) i = (i + 1) & mask;
        return slots_[i];
    }
    void grow() {
        std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size(), Slot{});
        old.swap(slots_);
        for (const Slot &slot : old)
            if (slot.used) find(slot.key) = slot;
    }

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

struct HashWord {
    std::size_t operator()(std::int64_t key) const { return mixed(static_cast<std::uint64_t>(key)); }
};

}  // namespace gong
