// RUN: amk-opt %s -split-input-file -verify-diagnostics

// V7: a target's clusters are of a size that the chip has and that divides its
// workers.

// expected-error @+1 {{V7: target: expected clusters of 1, 2, 4 or 8 workers, found 3}}
amk.schedule @three positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 6, shared_bytes = 1024, cluster = 3> {
}

// -----

// expected-error @+1 {{V7: target: expected clusters of 1, 2, 4 or 8 workers, found 0}}
amk.schedule @none positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 6, shared_bytes = 1024, cluster = 0> {
}

// -----

// expected-error @+1 {{V7: target: expected clusters of 1, 2, 4 or 8 workers, found 16}}
amk.schedule @sixteen positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 16, shared_bytes = 1024, cluster = 16> {
}

// -----

// expected-error @+1 {{V7: target: expected a number of workers that is a multiple of 8, the workers of a cluster, found 132}}
amk.schedule @rest positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 132, shared_bytes = 1024, cluster = 8> {
}

// -----

// expected-error @+1 {{V7: target: expected clusters of 1 worker on sm_80, which has none, found 2}}
amk.schedule @ampere positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_80", workers = 108, shared_bytes = 1024, cluster = 2> {
}

// -----

// At the edge.
amk.schedule @four positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_90", workers = 132, shared_bytes = 1024, cluster = 4> {
}

// -----

amk.schedule @one positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_80", workers = 107, shared_bytes = 1024, cluster = 1> {
}

// -----

amk.schedule @eight positions(1) numerics<k_block = 1, kv_block = 1>
    target<chip = "sm_120", workers = 8, shared_bytes = 1024, cluster = 8> {
}
