// RUN: amk-opt %s -split-input-file | FileCheck %s

// Tables print in the shortest form that says the same.

// CHECK: #amk.cut<even 10 in 1>
module attributes {test.a = #amk.cut<bounds [0, 10]>} {}
// -----
// CHECK: #amk.cut<even 3072 in 132 by 2>
module attributes {test.a = #amk.cut<even 3072 in 132 by 2>} {}
// -----
// The first tiles are one granule longer; the last may be cut short.
// CHECK: #amk.cut<even 10 in 3>
module attributes {test.a = #amk.cut<bounds [0, 4, 7, 10]>} {}
// -----
// CHECK: #amk.cut<even 10 in 3 by 2>
module attributes {test.a = #amk.cut<bounds [0, 4, 8, 10]>} {}
// -----
// CHECK: #amk.cut<sizes [3 times 2, 4]>
module attributes {test.a = #amk.cut<bounds [0, 3, 6, 10]>} {}
// -----
// CHECK: #amk.cut<bounds [4, 2]>
module attributes {test.a = #amk.cut<bounds [4, 2]>} {}
// -----
// CHECK: #amk.place<[0 to 3, 0 to 3, 5 times 2, 0 to 12 by 4, 1, 9]>
module attributes {test.a = #amk.place<[0, 1, 2, 3, 0, 1, 2, 3, 5, 5, 0, 4, 8, 12, 1, 9]>} {}
// -----
// CHECK: #amk.place<[0 times 2] slots [1, 0]>
module attributes {test.a = #amk.place<[0, 0] slots [1, 0]>} {}
// -----
// CHECK: #amk.fan<[0 times 3] through [7 times 3]>
module attributes {test.a = #amk.fan<[0 times 3] through [7 times 3]>} {}
// -----
// CHECK: #amk.fan<>
module attributes {test.a = #amk.fan<>} {}
// -----
// CHECK: #amk.thresholds<[17 times 2, 19]>
module attributes {test.a = #amk.thresholds<[17, 17, 19]>} {}
// -----
// CHECK: #amk.rope<head_dim = 128, theta = 1.000000e+04>
module attributes {test.a = #amk.rope<head_dim = 128, theta = 1.0e4>} {}
