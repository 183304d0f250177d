// What the readers of both formats share: bytes in, in pieces of any size; lines out.
#pragma once

#include <cstring>
#include <string>

#include "columns.hpp"
#include "json.hpp"

namespace gong {

class Reader {
public:
    virtual ~Reader() = default;

    // Take more of the file; `false`, then and ever after, when the Python reader is needed.
    bool feed(const char *data, std::size_t size) {
        const char *end = data + size;
        if (!carried_.empty()) {
            const auto *newline = static_cast<const char *>(std::memchr(data, '\n', size));
            if (newline == nullptr) {
                carried_.append(data, size);
                return is_good_;
            }
            carried_.append(data, newline + 1);
            data = newline + 1;
            const std::string line = std::move(carried_);
            carried_.clear();
            take_line(line.data(), line.data() + line.size() - 1);
        }
        while (is_good_) {
            const auto *newline =
                static_cast<const char *>(std::memchr(data, '\n', static_cast<std::size_t>(end - data)));
            if (newline == nullptr) break;
            take_line(data, newline);
            data = newline + 1;
        }
        carried_.assign(data, end);
        return is_good_;
    }
    // The last line, when it has no newline.
    const std::string &rest() const { return carried_; }
    void drop_rest() { carried_.clear(); }

    virtual bool finish() {
        columns.close();
        return is_good_;
    }

    Columns columns;
    std::int64_t line_number = 0;

protected:
    // A line that is not blank, at the cursor of `json_`.
    virtual bool line() = 0;

    // A shard and a number; anything else of that name is somebody else's, and passed over.
    bool stamp(Word &word) {
        json_.skip_blanks();
        if (*json_.position() != '[') return json_.skip();
        if (!json_.value(word)) return false;
        if (!columns.values.is_stamp(word)) {
            columns.values.forget(word);
            word = kNull;
        }
        return true;
    }

    Json json_{columns.values};
    const char *begin_ = nullptr;  // of the present line
    const char *end_ = nullptr;    // its newline

private:
    void take_line(const char *begin, const char *end) {
        ++line_number;
        if (line_number > INT32_MAX / 2) is_good_ = false;  // ranks are 32 bits wide
        if (!is_good_) return;
        begin_ = begin;
        end_ = end;
        json_.begin(begin);
        if (json_.at_end()) {
            is_good_ = json_.position() == end;
        } else {
            is_good_ = line() && json_.at_end() && json_.position() == end;
        }
    }

    std::string carried_;
    bool is_good_ = true;
};

}  // namespace gong
