#include "objects.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

namespace nb = nanobind;

namespace gong {

namespace {

constexpr int kDepthMax = 32;  // as in json.cpp
constexpr std::int64_t kNumberEnd = 1'000'000'000'000'000'000;  // 18 digits, as json.cpp takes them

std::optional<std::int64_t> number_of(nb::handle object) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
    if (overflow != 0 || number <= -kNumberEnd || number >= kNumberEnd) return std::nullopt;
    return number;
}

std::optional<std::int32_t> small_number_of(nb::handle object) {
    if (!PyLong_CheckExact(object.ptr())) return std::nullopt;
    const auto number = number_of(object);
    if (!number || *number < 0 || *number >= std::numeric_limits<std::int32_t>::max())
        return std::nullopt;
    return static_cast<std::int32_t>(*number);
}

std::string_view utf8_of(nb::handle object) {
    Py_ssize_t size = 0;
    const char *bytes = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
    if (bytes == nullptr) {  // a lone surrogate, which no UTF-8 file holds
        PyErr_Clear();
        return {};
    }
    return {bytes, static_cast<std::size_t>(size)};
}

bool needs_escape(std::string_view text) {
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f) return true;
    return false;
}

class Builder {
public:
    explicit Builder(const nb::callable &encode) : encode_(encode), found_(new Columns) {}

    bool add(nb::handle operation) {
        Columns &c = *found_;
        const std::size_t i = c.size();
        const auto index = small_number_of(operation.attr("index"));
        const auto call = small_number_of(operation.attr("call"));
        const nb::object process = operation.attr("process"), f = operation.attr("f");
        if (index != static_cast<std::int32_t>(i) || !call || !PyUnicode_CheckExact(f.ptr()))
            return false;
        const int name = c.name_number(utf8_of(f));
        std::optional<Word> word = word_of(process);
        if (name < 0 || !word) return false;
        c.process.push(*word);
        c.f.push(static_cast<std::uint8_t>(name));
        c.call_position.push(*call);
        end_ = std::max<std::int64_t>(end_, *call + 1);
        return values(operation, i) && outcome(operation) && times(operation) && rare(operation, i);
    }
    Columns *take() {
        found_->position_count = end_;
        found_->is_ranked = true;
        found_->close();
        return found_.release();
    }

private:
    std::optional<Word> word_of(nb::handle object) {
        if (object.is_none()) return kNull;
        PyObject *p = object.ptr();
        if (PyLong_CheckExact(p)) {
            const auto number = number_of(object);
            return number ? std::optional(tagged(*number, Tag::number)) : std::nullopt;
        }
        if (PyBool_Check(p)) return p == Py_True ? kTrue : kFalse;
        if (PyUnicode_CheckExact(p)) return text_of(object);
        if (PyList_CheckExact(p)) return list_of(nb::cast<nb::list>(object));
        return std::nullopt;  // objects and fractions have more than one spelling
    }
    std::optional<Word> text_of(nb::handle object) {
        const std::string_view text = utf8_of(object);
        if (text.data() == nullptr) return std::nullopt;
        if (needs_escape(text)) return encoded(object, TextKind::string);
        scratch_.assign(1, '"').append(text).push_back('"');
        return found_->values.text(scratch_, TextKind::string);
    }
    std::optional<Word> list_of(const nb::list &list) {
        if (list.size() == 2 && !PyList_CheckExact(list[0].ptr()) &&
            !PyList_CheckExact(list[1].ptr())) {
            const auto first = word_of(list[0]), second = word_of(list[1]);
            if (!first || !second) return std::nullopt;
            return found_->values.pair(*first, *second);
        }
        return is_plain(list) ? encoded(list, TextKind::list) : std::nullopt;
    }
    // Whether equal lists have one spelling.
    static bool is_plain(const nb::list &list, int depth = 0) {
        if (depth > kDepthMax) return false;
        for (const nb::handle item : list) {
            PyObject *p = item.ptr();
            const bool is_scalar = item.is_none() || PyLong_CheckExact(p) || PyBool_Check(p) ||
                                   PyUnicode_CheckExact(p);
            if (is_scalar) continue;
            if (!PyList_CheckExact(p) || !is_plain(nb::cast<nb::list>(item), depth + 1)) return false;
        }
        return true;
    }
    std::optional<Word> encoded(nb::handle object, TextKind kind) {
        const auto bytes = nb::cast<nb::bytes>(encode_(object));
        return found_->values.text({bytes.c_str(), bytes.size()}, kind);
    }

    std::optional<Word> stamp_of(nb::handle object) {
        if (object.is_none()) return kNull;
        if (!PyTuple_CheckExact(object.ptr())) return std::nullopt;
        const auto stamp = nb::cast<nb::tuple>(object);
        if (stamp.size() != 2) return std::nullopt;
        const auto shard = word_of(stamp[0]), number = word_of(stamp[1]);
        if (!shard || !number) return std::nullopt;
        const Word word = found_->values.pair(*shard, *number);
        return found_->values.is_stamp(word) ? std::optional(word) : std::nullopt;
    }

    bool values(nb::handle operation, std::size_t i) {
        Columns &c = *found_;
        const auto value = word_of(operation.attr("value"));
        const auto output = word_of(operation.attr("output"));
        const auto key = word_of(operation.attr("key"));
        if (!value || !output || !key || tag_of(*key) == Tag::pair) return false;
        c.value.push(*value);
        c.output.push(*output);
        c.key.set(i, *key == kNull ? kAbsent : *key);
        return true;
    }
    bool outcome(nb::handle operation) {
        Columns &c = *found_;
        const nb::object return_ = operation.attr("return_");
        const std::string_view name = utf8_of(operation.attr("outcome").attr("value"));
        const bool is_unknown = name == "info";
        if (is_unknown != return_.is_none()) return false;
        const auto rank = is_unknown ? std::optional(kNowhere) : small_number_of(return_);
        if (!rank) return false;
        const auto known = name == "ok" ? Outcome::ok : Outcome::failed;
        c.outcome.push(static_cast<std::uint8_t>(is_unknown ? Outcome::unknown : known));
        c.return_position.push(*rank);
        end_ = std::max<std::int64_t>(end_, *rank + 1);
        return true;
    }
    bool times(nb::handle operation) {
        Columns &c = *found_;
        const nb::object call = operation.attr("call_time"), back = operation.attr("return_time");
        if (!PyLong_CheckExact(call.ptr())) return false;
        if (!back.is_none() && !PyLong_CheckExact(back.ptr())) return false;
        const auto called = number_of(call);
        const auto returned = back.is_none() ? std::optional(kNoNumber) : number_of(back);
        if (!called || !returned) return false;
        c.call_time.push(*called);
        c.return_time.push(*returned);
        return true;
    }
    bool rare(nb::handle operation, std::size_t i) {
        Columns &c = *found_;
        const nb::object line = operation.attr("line"), seq = operation.attr("seq");
        const auto session = word_of(operation.attr("session"));
        const auto node = word_of(operation.attr("node")), error = word_of(operation.attr("error"));
        const auto stamp = stamp_of(operation.attr("stamp"));
        const auto place = line.is_none() ? std::optional(kNowhere) : small_number_of(line);
        if (!place || !session || !node || !error || !stamp) return false;
        if (!seq.is_none()) {
            const auto number = small_number_of(seq);
            if (!number) return false;
            c.seq.set(i, *number);
        }
        c.line.push(*place);
        c.session.set(i, *session);
        c.node.set(i, *node);
        c.error.set(i, *error);
        c.stamp.set(i, *stamp);
        return true;
    }

    const nb::callable &encode_;
    std::unique_ptr<Columns> found_;
    std::string scratch_;
    std::int64_t end_ = 0;
};

}  // namespace

Columns *columns_of(const nb::list &operations, const nb::callable &encode,
                    const nb::callable &is_over) {
    constexpr std::size_t kBetweenLooks = 1 << 14;  // some 5 ms
    Builder builder(encode);
    std::size_t count = 0;
    for (const nb::handle operation : operations) {
        if (count++ % kBetweenLooks == 0 && nb::cast<bool>(is_over())) return nullptr;
        if (!builder.add(operation)) return nullptr;
    }
    return builder.take();
}

}  // namespace gong
