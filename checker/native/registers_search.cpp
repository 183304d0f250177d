#include "registers_search.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "registers_numbering.hpp"
#include "search.hpp"

namespace gong::registers {

namespace {

// Operations that happened or may have, object by object.
struct Objects {
    std::vector<std::size_t> begin{0};  // by object, into `members`
    std::vector<std::int32_t> members;  // indices of operations, in file order

    explicit Objects(const Operations &in) {
        HashMap<Word, std::int32_t, HashWord> numbers;
        std::vector<std::int32_t> object(in.size, -1);
        std::vector<std::size_t> counts;
        for (std::size_t i = 0; i < in.size; ++i) {
            if (in.result(i) == Outcome::failed) continue;
            const auto fresh = static_cast<std::int32_t>(counts.size());
            object[i] = numbers.at(in.key_of(i), fresh);
            if (object[i] == fresh) counts.push_back(0);
            ++counts[static_cast<std::size_t>(object[i])];
        }
        for (const std::size_t count : counts) begin.push_back(begin.back() + count);
        members.resize(begin.back());
        std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
        for (std::size_t i = 0; i < in.size; ++i)
            if (object[i] >= 0)
                members[next[static_cast<std::size_t>(object[i])]++] = static_cast<std::int32_t>(i);
    }
    std::size_t size() const { return begin.size() - 1; }
    std::size_t count(std::size_t object) const { return begin[object + 1] - begin[object]; }
};

// All orders as one. Each operation is given the latest call among those up to it in the order of
// its object: a time between its call and its return, so that real time holds across objects.
class Merged {
public:
    explicit Merged(const Operations &in) : in_(in) {}

    void add(const std::vector<search::Op> &order, const Numbering &numbering) {
        std::int32_t latest = -1;
        for (const search::Op op : order) {
            const std::int32_t index = numbering.index_of(op);
            latest = std::max(latest, in_.call[static_cast<std::size_t>(index)]);
            timed_.emplace_back(latest, index);
        }
    }
    Column<std::int32_t> take() {
        std::stable_sort(timed_.begin(), timed_.end(),
                         [](const auto &a, const auto &b) { return a.first < b.first; });
        Column<std::int32_t> order;
        order.reserve(timed_.size());
        for (const auto &[_, index] : timed_) order.push(index);
        return order;
    }

private:
    const Operations &in_;
    std::vector<std::pair<std::int32_t, std::int32_t>> timed_;
};

// Searches objects while the allowance lasts.
class Judge {
public:
    Judge(const Operations &in, std::size_t configurations, const std::function<bool()> &poll)
        : in_(in), left_(configurations), poll_(poll), merged_(in) {}

    Searched judge() {
        const Objects objects(in_);
        if (!keys_are_comparable()) return {};
        std::vector<std::size_t> todo(objects.size());  // cheapest first
        std::iota(todo.begin(), todo.end(), std::size_t{0});
        std::stable_sort(todo.begin(), todo.end(), [&](std::size_t a, std::size_t b) {
            return objects.count(a) < objects.count(b);
        });
        for (const std::size_t object : todo) {
            found_.answer = Answer::declined;
            judge_one(objects.members.data() + objects.begin[object], objects.count(object));
            if (found_.answer != Answer::accepted) return std::move(found_);
        }
        found_.answer = Answer::accepted;
        found_.objects = static_cast<std::int64_t>(objects.size());
        found_.order = merged_.take();
        return std::move(found_);
    }

private:
    bool keys_are_comparable() const {
        if (in_.key == nullptr) return true;
        return std::all_of(in_.key, in_.key + in_.size,
                           [&](Word word) { return in_.is_comparable(word); });
    }

    search::Result searched(const search::Problem &problem, const Numbering &numbering,
                            bool look_ahead, std::size_t most = SIZE_MAX) {
        const auto ask = [&](search::State state, search::Class kind) {
            return numbering.step(state, kind);
        };
        // The search polls once a configuration that it explores.
        const auto poll = [&] {
            return left_ == 0 || most-- == 0 || (--left_ % kPollEvery == 0 && poll_());
        };
        return search::Search(problem, ask, poll, look_ahead).run();
    }

    void judge_one(const std::int32_t *members, std::size_t count) {
        Numbering numbering(in_);
        if (!numbering.take(members, count)) return;
        const search::Problem problem(numbering.input(),
                                      static_cast<search::Event>(numbering.live_count()));
        // Looking ahead is for what is hard. What is easy is searched once, and not once more for
        // the words.
        search::Result result = searched(problem, numbering, false, kEasy);
        const bool is_plain = result.status != search::Status::stopped;
        if (!is_plain) result = searched(problem, numbering, true);
        if (result.status == search::Status::found) {
            merged_.add(result.order, numbering);
            found_.answer = Answer::accepted;
        } else if (result.status == search::Status::stuck) {
            // Looking ahead gives up before the return that has no place, and passes over values
            // that make no difference. Whoever is told wants the return, and all values.
            if (!is_plain) result = searched(problem, numbering, false);
            if (result.status == search::Status::stuck) refute(result, numbering, members, count);
        }
    }

    void refute(const search::Result &result, const Numbering &numbering,
                const std::int32_t *members, std::size_t count) {
        found_.answer = Answer::refuted;
        found_.objects = 1;
        found_.operation = numbering.index_of(result.event);
        for (const search::State state : result.states)
            found_.values.push_back(numbering.value_of(state));
        const auto culprit = static_cast<std::size_t>(found_.operation);
        const auto is_beside = [&](std::int32_t index) {
            const auto i = static_cast<std::size_t>(index);
            return i == culprit || (in_.call[i] < in_.return_[culprit] &&
                                    (in_.return_[i] < 0 || in_.return_[i] > in_.call[culprit]));
        };
        std::copy_if(members, members + count, std::back_inserter(found_.beside), is_beside);
    }

    static constexpr std::size_t kPollEvery = 256;
    static constexpr std::size_t kEasy = 1000;  // configurations

    const Operations &in_;
    std::size_t left_;
    const std::function<bool()> &poll_;
    Merged merged_;
    Searched found_;
};

}  // namespace

Searched search(const Operations &operations, std::size_t configurations,
                const std::function<bool()> &poll) {
    Searched found = Judge(operations, configurations, poll).judge();
    for (std::size_t i = 0; i < operations.size; ++i)
        found.crashed += operations.result(i) == Outcome::unknown;
    return found;
}

}  // namespace gong::registers
