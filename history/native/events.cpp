#include "events.hpp"

namespace gong {

namespace {

enum Member : unsigned {
    kOther = 0,
    kIndex = 1, kTime = 2, kType = 4, kProcess = 8, kF = 16, kKey = 32, kValue = 64, kSession = 128,
    kSeq = 256, kNode = 512, kError = 1024, kStamp = 2048,
};

Member member_of(std::string_view name) {
    switch (name.size()) {
    case 1: return name == "f" ? kF : kOther;
    case 3: return name == "key" ? kKey : name == "seq" ? kSeq : kOther;
    case 4: return name == "time" ? kTime : name == "type" ? kType : name == "node" ? kNode : kOther;
    case 5:
        return name == "value"   ? kValue
               : name == "index" ? kIndex
               : name == "error" ? kError
               : name == "stamp" ? kStamp
                                 : kOther;
    case 7: return name == "process" ? kProcess : name == "session" ? kSession : kOther;
    default: return kOther;
    }
}

}  // namespace

bool EventReader::line() {
    Event event{};
    event.key = kAbsent;
    event.value = kAbsent;
    event.seq = kNoNumber;
    if (!json_.take('{')) return false;
    unsigned seen = 0;
    if (!json_.take('}')) {
        for (;;) {
            std::string_view name;
            if (!json_.name(name) || !member(name, event, seen)) return false;
            if (json_.take(',')) continue;
            if (!json_.take('}')) return false;
            break;
        }
    }
    if (event.type == Type::none || event.process == kNull) return false;
    return place(event);
}

bool EventReader::member(std::string_view name, Event &event, unsigned &seen) {
    const unsigned which = member_of(name);
    if ((seen & which) != 0) return false;  // twice: msgspec takes the last
    seen |= which;
    switch (which) {
    case kIndex: return optional_number(event.has_index, event.index);
    case kTime: return optional_number(event.has_time, event.time);
    case kType: return type(event);
    case kProcess:
        if (!name_or_number(event.process)) return false;
        event.is_annotation = tag_of(event.process) == Tag::text;
        return true;
    case kF:
        json_.skip_blanks();
        if (json_.null()) return true;
        event.has_f = true;
        return json_.plain_string(event.f);
    case kKey: return json_.value(event.key);
    case kValue: return json_.value(event.value);
    case kSession: return name_or_number(event.session);
    case kSeq: {
        bool has = false;
        std::int64_t number = 0;
        if (!optional_number(has, number)) return false;
        if (has) event.seq = number;
        return true;
    }
    case kNode:
        return json_.value(event.node) &&
               (event.node == kNull || columns.values.is_string(event.node));
    case kError: return json_.value(event.error);
    case kStamp: return stamp(event.stamp);
    default: return json_.skip();
    }
}

bool EventReader::type(Event &event) {
    json_.skip_blanks();
    std::string_view word;
    if (!json_.plain_string(word)) return false;
    event.type = word == "invoke" ? Type::invoke
                 : word == "ok"   ? Type::ok
                 : word == "fail" ? Type::fail
                 : word == "info" ? Type::info
                                  : Type::none;
    return event.type != Type::none;
}

bool EventReader::optional_number(bool &has, std::int64_t &number) {
    json_.skip_blanks();
    if (*json_.position() == 'n') return json_.null();
    has = true;
    return json_.number(number);
}

bool EventReader::name_or_number(Word &word) {
    if (!json_.value(word)) return false;
    return word == kNull || tag_of(word) == Tag::number || columns.values.is_string(word);
}

// Index and time against those before; then pair.
bool EventReader::place(const Event &event) {
    const std::int64_t position = columns.position_count++;
    if (position == 0) is_indexed_ = event.has_index;
    if (event.has_index != is_indexed_ || (is_indexed_ && event.index != position)) return false;
    // An annotation without a time would part events of equal times, so it is held to the same.
    if (is_timed_ < 0) is_timed_ = event.has_time;
    if (is_timed_ != (event.has_time ? 1 : 0)) return false;
    if (event.has_time) {
        if (time_ != kNoNumber && event.time <= time_) {
            if (event.time < time_) return false;
            columns.has_ties = true;
        }
        time_ = event.time;
    }
    if (event.is_annotation) {
        annotations.emplace_back(std::string(begin_, end_), line_number);
        return true;
    }
    if (!event.has_time) columns.has_times = false;
    return event.type == Type::invoke ? call(event) : respond(event);
}

bool EventReader::call(const Event &event) {
    Columns &c = columns;
    const auto number = static_cast<std::int32_t>(c.size());
    if (!event.has_f) return false;
    std::int32_t &open = processes_.at(event.process, kFree);
    if (open == kRetired) return false;
    if (event.session != kNull && retired_sessions_.look(event.session) != nullptr) return false;
    if (!c.values.is_scalar(event.key)) return false;
    if (event.session != kNull && event.seq != kNoNumber) {
        const std::size_t used = seqs_.size();
        seqs_.at({event.session, event.seq}, number);
        if (seqs_.size() == used) return false;
    } else {
        if (open != kFree) return false;
        open = number;
    }
    const int f = c.name_number(event.f);
    if (f < 0) return false;
    const bool is_read = event.f == "read" || event.f == "get";
    c.call_time.push(event.has_time ? event.time : c.position_count - 1);
    c.return_time.push(kNoNumber);
    c.call_position.push(static_cast<std::int32_t>(c.position_count - 1));
    c.return_position.push(kNowhere);
    c.outcome.push(static_cast<std::uint8_t>(Outcome::unknown));
    c.process.push(event.process);
    c.f.push(static_cast<std::uint8_t>(f));
    c.value.push(event.value == kAbsent || is_read ? kNull : event.value);
    c.output.push(kNull);
    c.line.push(static_cast<std::int32_t>(line_number));
    const auto i = static_cast<std::size_t>(number);
    c.key.set(i, event.key);
    c.session.set(i, event.session);
    c.seq.set(i, event.seq);
    c.node.set(i, event.node);
    return true;
}

bool EventReader::respond(const Event &event) {
    Columns &c = columns;
    const bool by_seq = event.session != kNull && event.seq != kNoNumber;
    std::int32_t *open = by_seq ? seqs_.look({event.session, event.seq})
                                : processes_.look(event.process);
    if (open == nullptr || *open < 0) return false;
    const std::int32_t number = *open;
    const auto i = static_cast<std::size_t>(number);
    const std::string &asked_f = c.names[c.f[i]];
    const bool is_cas = asked_f == "cas";
    *open = by_seq ? kRetired : kFree;
    if (event.has_f && event.f != asked_f) return false;
    if (event.key != kAbsent && event.key != c.key.get(i)) return false;
    if (event.process != c.process[i]) return false;

    const bool is_mismatch =
        is_cas && event.type == Type::fail && c.values.is_string(event.error) &&
        c.values.content(static_cast<std::size_t>(payload_of(event.error))) == "\"mismatch\"";
    c.return_time[i] = event.has_time ? event.time : c.position_count - 1;
    c.error.set(i, event.error);
    if (event.type == Type::info) {
        std::int32_t &process = processes_.at(event.process, kFree);
        if (process >= 0) return false;  // open by process, retired by session: leave it to Python
        process = kRetired;
    } else {
        if (is_cas && event.type == Type::ok && event.value == kFalse) return false;
        c.return_position[i] = static_cast<std::int32_t>(c.position_count - 1);
        const bool happened = event.type == Type::ok || is_mismatch;
        c.outcome[i] = static_cast<std::uint8_t>(happened ? Outcome::ok : Outcome::failed);
        if (happened) c.stamp.set(i, event.stamp);
        if (is_mismatch)
            c.output[i] = kFalse;
        else if (event.type == Type::ok)
            c.output[i] = is_cas ? kTrue : event.value == kAbsent ? kNull : event.value;
    }
    if (is_cas || event.type != Type::ok) c.values.forget(event.value);
    if (c.session.get(i) != kNull && event.type != Type::ok && !is_mismatch)
        retired_sessions_.at(c.session.get(i), true);
    return true;
}

}  // namespace gong
