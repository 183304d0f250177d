// One register as the integers that the general search works on: checker/prepare.py and
// checker/lowering.py in one, for rules that are known.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "registers.hpp"
#include "search_problem.hpp"

namespace gong::registers {

// Values as states, operations as classes; made for one object, then forgotten.
class Numbering {
public:
    explicit Numbering(const Operations &in) : in_(in) { state_of(in.initial); }

    // Takes the operations of one object; false when one of them is not for us.
    bool take(const std::int32_t *members, std::size_t count) {
        for (std::size_t k = 0; k < count; ++k) {
            const auto i = static_cast<std::size_t>(members[k]);
            const std::int32_t kind = class_of(i);
            if (kind == kNotOurs) return false;
            if (kind == kIrrelevant) continue;
            const bool is_live = in_.return_[i] >= 0;
            (is_live ? live_ : crashed_)
                .push_back({is_live ? in_.return_[i] : in_.call[i], members[k], kind});
        }
        const auto by_rank = [](const Member &a, const Member &b) { return a.rank < b.rank; };
        std::sort(live_.begin(), live_.end(), by_rank);
        std::sort(crashed_.begin(), crashed_.end(), by_rank);
        return true;
    }

    search::Input input() const {
        search::Input out;
        out.live_count = static_cast<std::uint32_t>(live_.size());
        for (const auto *members : {&live_, &crashed_})
            for (const Member &member : *members) {
                out.classes.push_back(static_cast<search::Class>(member.kind));
                out.arrivals.push_back(arrival(in_.call[static_cast<std::size_t>(member.index)]));
            }
        out.kinds = kinds_;
        out.only_in = only_in_;
        out.targets = targets_;
        return out;
    }

    // What the search has to ask: only a cas that missed has an effect that depends on the state.
    search::State step(search::State state, search::Class kind) const {
        return missed_[kind] == state ? search::ILLEGAL : state;
    }
    std::int32_t index_of(search::Op op) const {
        return op < live_.size() ? live_[op].index : crashed_[op - live_.size()].index;
    }
    Word value_of(search::State state) const { return words_[static_cast<std::size_t>(state)]; }
    std::size_t live_count() const { return live_.size(); }

private:
    static constexpr std::int32_t kNotOurs = -1, kIrrelevant = -2;

    struct Member {
        std::int32_t rank, index, kind;
    };
    struct Key {
        Word first = 0, second = 0;
        std::int32_t what = 0;
        bool operator==(const Key &) const = default;
    };
    struct HashKey {
        std::size_t operator()(const Key &key) const {
            const auto first = mixed(static_cast<std::uint64_t>(key.first));
            return mixed(first ^ static_cast<std::uint64_t>(key.second) * 3) +
                   static_cast<std::size_t>(key.what);
        }
    };
    enum What : std::int32_t { kRead, kWrite, kCas, kMiss };

    // The first return that comes after a call.
    search::Event arrival(std::int32_t call) const {
        const auto found =
            std::partition_point(live_.begin(), live_.end(),
                                 [call](const Member &member) { return member.rank < call; });
        return static_cast<search::Event>(found - live_.begin());
    }

    search::State state_of(Word word) {
        const auto fresh = static_cast<search::State>(words_.size());
        const search::State state = states_.at(word, fresh);
        if (state == fresh) words_.push_back(word);
        return state;
    }

    std::int32_t class_of(std::size_t i) {
        const bool is_known = in_.result(i) == Outcome::ok;
        switch (in_.kind(i)) {
        case Kind::read:
            if (!is_known) return kIrrelevant;  // an observer that nobody requires
            return is_ours(in_.output[i]) ? observer(in_.output[i]) : kNotOurs;
        case Kind::write:
            return is_ours(in_.value[i]) ? write(in_.value[i]) : kNotOurs;
        case Kind::cas:
            break;
        default:
            return kNotOurs;
        }
        if (tag_of(in_.value[i]) != Tag::pair) return kNotOurs;
        const auto at = 2 * static_cast<std::size_t>(payload_of(in_.value[i]));
        const Word old = in_.pairs[at], made = in_.pairs[at + 1];
        if (!is_ours(old) || !is_ours(made)) return kNotOurs;
        if (is_known && in_.output[i] == kFalse) return miss(old);
        if (is_known && in_.output[i] != kTrue) return kNotOurs;
        if (old == made) return is_known ? observer(old) : kIrrelevant;
        return cas(old, made);
    }
    bool is_ours(Word word) const { return in_.is_comparable(word); }

    std::int32_t observer(Word word) {
        const search::State state = state_of(word);
        return class_at({word, 0, kRead}, search::Kind::observer, state, state, search::ILLEGAL);
    }
    std::int32_t write(Word word) {
        return class_at({word, 0, kWrite}, search::Kind::overwrite, search::ANYWHERE,
                        state_of(word), search::ILLEGAL);
    }
    std::int32_t cas(Word old, Word made) {
        const search::State from = state_of(old), to = state_of(made);
        return class_at({old, made, kCas}, search::Kind::other, from, to, search::ILLEGAL);
    }
    std::int32_t miss(Word old) {
        return class_at({old, 0, kMiss}, search::Kind::observer, search::ANYWHERE,
                        search::NOT_ASKED, state_of(old));
    }
    std::int32_t class_at(const Key &key, search::Kind kind, search::State only,
                          search::State target, search::State missed) {
        const auto fresh = static_cast<std::int32_t>(kinds_.size());
        const std::int32_t found = classes_.at(key, fresh);
        if (found != fresh) return found;
        kinds_.push_back(static_cast<std::uint8_t>(kind));
        only_in_.push_back(only);
        targets_.push_back(target);
        missed_.push_back(missed);
        return found;
    }

    const Operations &in_;
    std::vector<Member> live_, crashed_;  // by return; by call
    HashMap<Word, search::State, HashWord> states_;
    std::vector<Word> words_;  // by state
    HashMap<Key, std::int32_t, HashKey> classes_;
    std::vector<std::uint8_t> kinds_;  // by class, as the three below
    std::vector<search::State> only_in_, targets_, missed_;
};

}  // namespace gong::registers
