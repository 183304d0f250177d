// One judgement of registers: what is known of each value, each object and each block of operations.
#pragma once

#include <climits>

#include "registers.hpp"
#include "registers_index.hpp"

namespace gong::registers {

inline constexpr std::int32_t kNone = -1;
inline constexpr std::int32_t kNever = INT_MAX;  // the return of an operation that has none

class Zones {
public:
    Zones(const Operations &operations, Clock::time_point deadline);
    Finding judge();

private:
    // All operations on one value of one object: what makes it, and what reads it.
    struct Value {
        std::int32_t producer = kNone;    // the operation that writes it
        std::int32_t first_read = kNone;  // the reads form a list, by call
        std::int32_t last_read = kNone;
        std::int32_t min_return = kNever;  // of the reads
        std::int32_t source = kNone;       // the value that the producer, a cas, replaces
        std::int32_t next = kNone;         // the value that replaces it, by cas
        std::int32_t object = 0;
        bool is_initial = false;
        bool is_kept = false;
        bool is_chained = false;
    };
    // A chain of values that follow each other at once, so that nothing else stands between.
    struct Block {
        std::int32_t head;   // its first value
        std::int32_t first;  // least return: f. Below 0 for the initial value, which is always first
        std::int32_t last;   // greatest call: s
        std::int32_t object;
        bool is_forward() const { return first < last; }
    };
    // A failed cas: the object did not hold `value`.
    struct Miss {
        std::int32_t operation, value, object, gap;
    };
    struct Object {
        std::int32_t initial;            // its initial value
        std::int32_t right = -1;         // where its latest forward block ends
        std::int32_t block = kNone;      // that block
        std::int32_t running = 0;        // the latest call in its order so far
        std::int32_t position = 0;       // operations placed so far
        std::int32_t gap = 0;            // misses: no earlier gap will do
        std::int32_t earliest = kNever;  // misses: no later gap will do
        std::int32_t miss = 0, miss_end = 0;
        bool is_declined = false;
    };
    enum class Step { next, end };

    // The steps; `end` when the finding stands.
    Step gather();
    Step keep();
    Step link();
    Step form_blocks();
    Step arrange();
    Step place_misses();
    void write_order();

    Step take(std::size_t i, std::int32_t object);
    void take_read(std::int32_t i, std::int32_t value);
    void take_producer(std::int32_t i, std::int32_t value);
    std::int32_t value_of(std::int32_t object, Word word);
    std::int32_t object_of(std::size_t i);
    void order_by_call();
    void order_events();
    Step close_chain(std::int32_t head);
    template <typename Visit>
    void visit_in_order(Visit visit);

    Step decline(const char *reason);
    void decline_object(std::int32_t object, const char *reason);
    Step refute(const char *rule, std::vector<std::int32_t> operations);
    Step refute_inversion(std::int32_t early, std::int32_t early_value, std::int32_t late,
                          std::int32_t late_value);
    Step refute_pair(const Block &a, const Block &b);
    bool is_late(std::size_t i);

    void add_links(std::int32_t from, std::int32_t to, std::vector<std::int32_t> &found) const;
    void add_existence(std::int32_t value, std::vector<std::int32_t> &found) const;
    std::int32_t first_returned(std::int32_t value) const;
    std::int32_t last_called(std::int32_t value) const;
    std::int32_t returning_at(const Block &block, std::int32_t &value) const;
    std::int32_t called_at(const Block &block, std::int32_t &value) const;
    std::int32_t return_of(std::int32_t i) const {
        const std::int32_t rank = in_.return_[i];
        return rank < 0 ? kNever : rank;
    }
    bool is_pending(std::int32_t i) const { return in_.return_[i] < 0; }

    const Operations &in_;
    const Clock::time_point deadline_;
    Finding finding_;
    ValueIndex index_;
    HashMap<Word, std::int32_t, HashWord> object_numbers_;
    Column<Value> values_;
    Column<Object> objects_;
    Column<std::int32_t> next_read_;   // by operation
    Column<std::int32_t> by_call_;     // operations; empty when they stand so in the file
    Column<std::int32_t> events_;      // point -> 2 * operation + (1 for the return)
    Column<Block> blocks_;
    Column<std::int32_t> block_order_;
    Column<Miss> misses_;
    Word last_key_ = kUnmentioned;
    std::int32_t last_object_ = kNone;
    bool has_cas_ = false;
    const char *declined_ = nullptr;  // why some object was
};

}  // namespace gong::registers
