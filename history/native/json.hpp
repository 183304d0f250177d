// A reader of the JSON that histories are written in, stricter than JSON itself.
//
// It stops (`false`) at whatever is wrong, and at what is merely rare: fractions, exponents, numbers of
// more than 18 digits, \u and \/ in strings, deep nesting. The Python reader then takes the whole file;
// so nothing is accepted here that it would refuse, and equal texts are equal values.
//
// Every line must end with a newline. No loop passes it, so no loop looks for the end of the buffer.
#pragma once

#include <string>
#include <string_view>

#include "values.hpp"

namespace gong {

class Json {
public:
    explicit Json(Values &values) : values_(values) {}

    void begin(const char *line) { p_ = line; }
    const char *position() const { return p_; }
    bool at_end() {
        skip_blanks();
        return *p_ == '\n';
    }
    void skip_blanks() {
        while (*p_ == ' ' || *p_ == '\t' || *p_ == '\r') ++p_;
    }
    // Take `c` if it comes next.
    bool take(char c) {
        skip_blanks();
        if (*p_ != c) return false;
        ++p_;
        return true;
    }
    // The name of a member and the colon behind it. Names with a backslash are not for us.
    bool name(std::string_view &name) {
        skip_blanks();
        if (!plain_string(name)) return false;
        return take(':');
    }
    // A string without escapes.
    bool plain_string(std::string_view &text);
    bool null();
    bool number(std::int64_t &value);
    // Any value. Lists of two scalars become pairs.
    bool value(Word &word);
    // Any value, to be thrown away.
    bool skip() {
        scratch_.clear();
        bool has_object = false;
        return canonical(0, has_object);
    }

private:
    bool scalar(Word &word);
    bool string_end(bool &has_escape);
    bool pair(Word &word);
    bool canonical(int depth, bool &has_object);
    bool canonical_list(int depth, bool &has_object);
    bool canonical_object(int depth, bool &has_object);
    bool literal(const char *word, std::size_t size);

    Values &values_;
    const char *p_ = nullptr;
    std::string scratch_;
};

}  // namespace gong
