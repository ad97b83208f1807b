// SPDX-License-Identifier: Apache-2.0
//
// The generator of the drivers: a sequence from a seed (splitmix64), the same on every machine and in the cycle model.
#pragma once

#include <cstdint>

struct Random {
  uint64_t state;
  uint32_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return static_cast<uint32_t>(z >> 32);
  }
  // What next() gives after so many calls, without them.
  uint32_t at(uint64_t place) const { return Random{state + place * 0x9e3779b97f4a7c15ull}.next(); }
};
