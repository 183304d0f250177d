#include "json.hpp"

#include <cstring>

namespace gong {

namespace {

constexpr int kDigitsMax = 18;  // any such number fits into the 62 bits of a word
constexpr int kDepthMax = 32;   // msgspec goes deeper; a guess at what no history needs

// The length of the UTF-8 sequence at `p`, 0 where there is none: RFC 3629, table 3-7 of Unicode.
int utf8_length(const unsigned char *p) {
    const auto follows = [](unsigned char c) { return (c & 0xc0) == 0x80; };
    if (p[0] >= 0xc2 && p[0] <= 0xdf) return follows(p[1]) ? 2 : 0;
    if (p[0] >= 0xe0 && p[0] <= 0xef) {
        if (!follows(p[1]) || !follows(p[2])) return 0;
        if (p[0] == 0xe0 && p[1] < 0xa0) return 0;
        if (p[0] == 0xed && p[1] > 0x9f) return 0;
        return 3;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        if (!follows(p[1]) || !follows(p[2]) || !follows(p[3])) return 0;
        if (p[0] == 0xf0 && p[1] < 0x90) return 0;
        if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
        return 4;
    }
    return 0;
}

}  // namespace

// From behind the opening quote to the closing one, on which `p_` is left.
bool Json::string_end(bool &has_escape) {
    for (;;) {
        const auto c = static_cast<unsigned char>(*p_);
        if (c == '"') return true;
        if (c < 0x20) return false;  // the newline, too
        if (c < 0x80 && c != '\\') {
            ++p_;
        } else if (c == '\\') {
            if (p_[1] == '\0' || std::strchr("\"\\bfnrt", p_[1]) == nullptr) return false;
            has_escape = true;
            p_ += 2;
        } else {
            const int length = utf8_length(reinterpret_cast<const unsigned char *>(p_));
            if (length == 0) return false;
            p_ += length;
        }
    }
}

bool Json::plain_string(std::string_view &text) {
    if (*p_ != '"') return false;
    const char *begin = ++p_;
    bool has_escape = false;
    if (!string_end(has_escape) || has_escape) return false;
    text = {begin, static_cast<std::size_t>(p_ - begin)};
    ++p_;
    return true;
}

bool Json::literal(const char *word, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        if (p_[i] != word[i]) return false;
    p_ += size;
    return true;
}

bool Json::null() {
    skip_blanks();
    return literal("null", 4);
}

bool Json::number(std::int64_t &value) {
    skip_blanks();
    const bool negative = *p_ == '-';
    const char *begin = p_ += negative;
    std::int64_t number = 0;
    while (*p_ >= '0' && *p_ <= '9') {
        if (p_ - begin >= kDigitsMax) return false;
        number = number * 10 + (*p_++ - '0');
    }
    if (p_ == begin || *p_ == '.' || *p_ == 'e' || *p_ == 'E') return false;
    if (*begin == '0' && (p_ - begin > 1 || negative)) return false;
    value = negative ? -number : number;
    return true;
}

bool Json::scalar(Word &word) {
    skip_blanks();
    switch (*p_) {
    case '"': {
        const char *begin = p_++;
        bool has_escape = false;
        if (!string_end(has_escape)) return false;
        ++p_;
        word = values_.text({begin, static_cast<std::size_t>(p_ - begin)}, TextKind::string);
        return true;
    }
    case 'n': word = kNull; return literal("null", 4);
    case 't': word = kTrue; return literal("true", 4);
    case 'f': word = kFalse; return literal("false", 5);
    default: {
        std::int64_t found = 0;
        if (!number(found)) return false;
        word = tagged(found, Tag::number);
        return true;
    }
    }
}

bool Json::value(Word &word) {
    skip_blanks();
    if (*p_ != '[' && *p_ != '{') return scalar(word);
    const char *begin = p_;
    if (*p_ == '[' && pair(word)) return true;
    p_ = begin;
    scratch_.clear();
    bool has_object = false;
    if (!canonical(0, has_object)) return false;
    word = values_.text(scratch_, has_object ? TextKind::has_object : TextKind::list);
    return true;
}

bool Json::pair(Word &word) {
    Word first = kNull, second = kNull;
    ++p_;
    if (!scalar(first) || !take(',') || !scalar(second) || !take(']')) return false;
    word = values_.pair(first, second);
    return true;
}

// The value again, without blanks, at the end of `scratch_`.
bool Json::canonical(int depth, bool &has_object) {
    if (depth > kDepthMax) return false;
    skip_blanks();
    const char *begin = p_;
    switch (*p_) {
    case '[': return canonical_list(depth, has_object);
    case '{': return canonical_object(depth, has_object);
    case '"': {
        ++p_;
        bool has_escape = false;
        if (!string_end(has_escape)) return false;
        ++p_;
        break;
    }
    case 'n': if (!literal("null", 4)) return false; break;
    case 't': if (!literal("true", 4)) return false; break;
    case 'f': if (!literal("false", 5)) return false; break;
    default: {
        std::int64_t ignored = 0;
        if (!number(ignored)) return false;
    }
    }
    scratch_.append(begin, p_);
    return true;
}

bool Json::canonical_list(int depth, bool &has_object) {
    ++p_;
    scratch_ += '[';
    if (!take(']')) {
        for (;;) {
            if (!canonical(depth + 1, has_object)) return false;
            if (take(']')) break;
            if (!take(',')) return false;
            scratch_ += ',';
        }
    }
    scratch_ += ']';
    return true;
}

bool Json::canonical_object(int depth, bool &has_object) {
    has_object = true;
    ++p_;
    scratch_ += '{';
    if (!take('}')) {
        for (;;) {
            skip_blanks();
            std::string_view name;
            if (!plain_string(name)) return false;
            scratch_ += '"';
            scratch_ += name;
            scratch_ += "\":";
            if (!take(':') || !canonical(depth + 1, has_object)) return false;
            if (take('}')) break;
            if (!take(',')) return false;
            scratch_ += ',';
        }
    }
    scratch_ += '}';
    return true;
}

}  // namespace gong
