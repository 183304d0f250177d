// The format `operations`: finished operations, one a line. The rules are those of
// history/formats/operations.py.
#pragma once

#include "reader.hpp"

namespace gong {

class OperationReader final : public Reader {
private:
    struct Line {
        bool has_f, has_call, has_return_member, has_return;
        std::string_view f;
        std::int64_t call, return_, seq;
        Word process, key, value, output, session, node, error, stamp;
    };

    bool line() override;
    bool member(std::string_view name, Line &line, unsigned &seen);
    bool add(const Line &line);
    bool name_or_number(Word &word);
};

}  // namespace gong
