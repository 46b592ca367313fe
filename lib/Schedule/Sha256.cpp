//===- Sha256.cpp - SHA-256 -----------------------------------------------===//

#include "Sha256.h"

#include <string>

namespace amk::core {

namespace {

constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

void block(uint32_t (&state)[8], std::string_view bytes) {
  uint32_t w[64];
  for (unsigned i = 0; i < 16; ++i) {
    w[i] = 0;
    for (unsigned j = 0; j < 4; ++j)
      w[i] = w[i] << 8 | uint8_t(bytes[4 * i + j]);
  }
  for (unsigned i = 16; i < 64; ++i) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
           (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  uint32_t v[8];
  for (unsigned i = 0; i < 8; ++i)
    v[i] = state[i];
  for (unsigned i = 0; i < 64; ++i) {
    const uint32_t e = v[4], a = v[0];
    const uint32_t t = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                       ((e & v[5]) ^ (~e & v[6])) + kRound[i] + w[i];
    const uint32_t u = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                       ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    for (unsigned k = 7; k > 0; --k)
      v[k] = v[k - 1];
    v[4] += t;
    v[0] = t + u;
  }
  for (unsigned i = 0; i < 8; ++i)
    state[i] += v[i];
}

} // namespace

std::array<uint8_t, 32> sha256(std::string_view bytes) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const uint64_t bits = uint64_t(bytes.size()) * 8;
  while (bytes.size() >= 64) {
    block(state, bytes.substr(0, 64));
    bytes.remove_prefix(64);
  }
  std::string last(bytes);
  last.push_back(char(0x80));
  while (last.size() % 64 != 56)
    last.push_back(0);
  for (unsigned i = 0; i < 8; ++i)
    last.push_back(char(bits >> (56 - 8 * i)));
  for (size_t i = 0; i < last.size(); i += 64)
    block(state, std::string_view(last).substr(i, 64));
  std::array<uint8_t, 32> out;
  for (unsigned i = 0; i < 32; ++i)
    out[i] = uint8_t(state[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

} // namespace amk::core
