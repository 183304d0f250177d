#include "finished.hpp"

namespace gong {

namespace {

enum Member : unsigned {
    kOther = 0,
    kProcess = 1, kF = 2, kCall = 4, kReturn = 8, kKey = 16, kValue = 32, kOutput = 64, kSession = 128,
    kSeq = 256, kNode = 512, kError = 1024, kStamp = 2048,
};

Member member_of(std::string_view name) {
    switch (name.size()) {
    case 1: return name == "f" ? kF : kOther;
    case 3: return name == "key" ? kKey : name == "seq" ? kSeq : kOther;
    case 4: return name == "call" ? kCall : name == "node" ? kNode : kOther;
    case 5: return name == "value" ? kValue : name == "error" ? kError : name == "stamp" ? kStamp : kOther;
    case 6: return name == "return" ? kReturn : name == "output" ? kOutput : kOther;
    case 7: return name == "process" ? kProcess : name == "session" ? kSession : kOther;
    default: return kOther;
    }
}

}  // namespace

bool OperationReader::line() {
    Line line{};
    line.key = kAbsent;
    line.output = kAbsent;
    line.seq = kNoNumber;
    if (!json_.take('{')) return false;
    unsigned seen = 0;
    if (!json_.take('}')) {
        for (;;) {
            std::string_view name;
            if (!json_.name(name) || !member(name, line, seen)) return false;
            if (json_.take(',')) continue;
            if (!json_.take('}')) return false;
            break;
        }
    }
    return line.has_f && line.has_call && line.has_return_member && line.process != kNull && add(line);
}

bool OperationReader::member(std::string_view name, Line &line, unsigned &seen) {
    const unsigned which = member_of(name);
    if ((seen & which) != 0) return false;  // twice: msgspec takes the last
    seen |= which;
    json_.skip_blanks();
    const bool is_null = *json_.position() == 'n';
    switch (which) {
    case kProcess: return name_or_number(line.process);
    case kF:
        line.has_f = true;
        return json_.plain_string(line.f);
    case kCall:
        line.has_call = true;
        return json_.number(line.call);
    case kReturn:
        line.has_return_member = true;
        if (is_null) return json_.null();
        line.has_return = true;
        return json_.number(line.return_);
    case kKey: return json_.value(line.key);
    case kValue: return json_.value(line.value);
    case kOutput: return json_.value(line.output);
    case kSession: return name_or_number(line.session);
    case kSeq: return is_null ? json_.null() : json_.number(line.seq);
    case kNode:
        return json_.value(line.node) &&
               (line.node == kNull || columns.values.is_string(line.node));
    case kError: return json_.value(line.error);
    case kStamp: return stamp(line.stamp);
    default: return json_.skip();
    }
}

bool OperationReader::name_or_number(Word &word) {
    if (!json_.value(word)) return false;
    return word == kNull || tag_of(word) == Tag::number || columns.values.is_string(word);
}

bool OperationReader::add(const Line &line) {
    Columns &c = columns;
    if (!c.values.is_scalar(line.key)) return false;
    const bool is_cas = line.f == "cas";
    if (line.has_return) {
        if (line.return_ < line.call) return false;
        if (is_cas && line.output != kTrue && line.output != kFalse) return false;
    }
    const int f = c.name_number(line.f);
    if (f < 0) return false;
    const std::size_t i = c.size();
    const bool is_read = line.f == "read" || line.f == "get";
    c.call_time.push(line.call);
    c.return_time.push(line.has_return ? line.return_ : kNoNumber);
    c.outcome.push(static_cast<std::uint8_t>(line.has_return ? Outcome::ok : Outcome::unknown));
    c.process.push(line.process);
    c.f.push(static_cast<std::uint8_t>(f));
    c.value.push(is_read ? kNull : line.value);
    const Word output = line.output == kAbsent || !line.has_return ? kNull : line.output;
    c.output.push(output);
    c.line.push(static_cast<std::int32_t>(line_number));
    c.key.set(i, line.key);
    c.session.set(i, line.session);
    c.seq.set(i, line.seq);
    c.node.set(i, line.node);
    if (line.has_return) c.stamp.set(i, line.stamp);
    c.error.set(i, is_cas && output == kFalse ? c.values.text("\"mismatch\"", TextKind::string)
                                              : line.error);
    return true;
}

}  // namespace gong
