// Which searches are made for one order, and for how long each.
//
// Sequential consistency knows no time, but what is judged has happened in time: mostly there is an
// order in which nothing is much later than it was. To look for that one first is worth a lot. One
// that lets an issuer fall far behind meets the consequences far too late. So it is searched for
// orders that keep real time but for some slack, in turn with more and more of it, and for any
// order. Such a search has all that real time gives, bounds first of all. An order that it finds
// is one; that there is none, only the search without real time can tell.
#pragma once

#include "orders_search.hpp"

namespace gong::orders {

// As `Search::run`, until the end.
Result find_order(const Input& input, const Ask& ask, const Poll& poll, bool looks_ahead);

}  // namespace gong::orders
