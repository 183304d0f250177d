// Our own history file: events, paired as they are read.
//
// The rules are those of history/pairing.py, which has the reasons. Whatever breaks one, or comes close
// to it, makes the reader give up; the Python reader then finds the words.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hash_map.hpp"
#include "reader.hpp"

namespace gong {

class EventReader final : public Reader {
public:
    // `lines_before`: how many lines that stand before what will be fed (the header).
    explicit EventReader(std::int64_t lines_before) { line_number = lines_before; }

    // Lines of events whose process is a name, with their numbers; not looked at further.
    std::vector<std::pair<std::string, std::int64_t>> annotations;

private:
    enum class Type { none, invoke, ok, fail, info };

    struct Event {
        Type type;
        bool has_index, has_time, has_f, is_annotation;
        std::int64_t index, time;
        std::string_view f;
        Word process, key, value, session, node, error, stamp;
        std::int64_t seq;
    };

    struct SessionSeq {
        Word session;
        std::int64_t seq;
        bool operator==(const SessionSeq &other) const {
            return session == other.session && seq == other.seq;
        }
    };
    struct HashSessionSeq {
        std::size_t operator()(const SessionSeq &key) const {
            return mixed(static_cast<std::uint64_t>(key.session) * 0x9e3779b97f4a7c15ULL ^
                         static_cast<std::uint64_t>(key.seq));
        }
    };

    bool line() override;
    bool member(std::string_view name, Event &event, unsigned &seen);
    bool type(Event &event);
    bool optional_number(bool &has, std::int64_t &number);
    bool name_or_number(Word &word);
    bool place(const Event &event);
    bool call(const Event &event);
    bool respond(const Event &event);

    static constexpr std::int32_t kFree = -1, kRetired = -2;
    HashMap<Word, std::int32_t, HashWord> processes_;  // the open operation, kFree or kRetired
    HashMap<SessionSeq, std::int32_t, HashSessionSeq> seqs_;  // the open operation, or kRetired
    HashMap<Word, bool, HashWord> retired_sessions_;
    bool is_indexed_ = false;
    int is_timed_ = -1;  // not known before the first event of a process
    std::int64_t time_ = kNoNumber;
};

}  // namespace gong
