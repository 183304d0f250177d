// ROOM in `orders_walk.hpp`: somebody is left who comes between a maker and a miss.
#include "orders_walk.hpp"

namespace gong::orders {

void Walk::find_rooms(const Poll& poll) {
  if (clocks_.is_trivial()) return;
  rooms_ = clocks_.rooms(poll);
  rooms_of_.resize(problem_.in.parts.size());
  for (std::uint32_t number = 0; number < rooms_.size(); ++number)
    for (const Op destroyer : rooms_[number].destroyers) rooms_of_[destroyer].push_back(number);
}

void Walk::doubt_rooms(Op destroyer) {
  if (rooms_.empty()) return;
  const auto& rooms = rooms_of_[destroyer];
  rooms_in_doubt_.insert(rooms_in_doubt_.end(), rooms.begin(), rooms.end());
}

bool Walk::keep_rooms() {
  for (; !rooms_in_doubt_.empty(); rooms_in_doubt_.pop_back())
    if (!keep_room(rooms_[rooms_in_doubt_.back()])) return false;
  return true;
}

// False: nobody is left. Who is the last one is not excused: it has to come after the maker.
bool Walk::keep_room(const Room& room) {
  if (problem_.place_of[room.maker] < fronts_[problem_.chain_of[room.maker]]) return true;
  Op last = NONE;
  for (const Op destroyer : room.destroyers) {
    if (problem_.place_of[destroyer] < positions_[problem_.chain_of[destroyer]]) continue;
    if (clocks_.before(room.maker, problem_.chain_of[destroyer]) > problem_.place_of[destroyer]) continue;
    if (clocks_.before(destroyer, problem_.chain_of[room.miss]) > problem_.place_of[room.miss]) continue;
    if (last != NONE) return true;
    last = destroyer;
  }
  if (last == NONE) return false;
  cut(problem_.chain_of[last], problem_.place_of[last]);
  return clocks_.add_for_now(room.maker, last, fronts_, trail_) &&
         clocks_.add_for_now(last, room.miss, fronts_, trail_);
}

}  // namespace gong::orders
