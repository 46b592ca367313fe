//===- Passes.td - The passes over amk.schedule ------------*- tablegen -*-===//
//
// Each pass takes a legal schedule and leaves a legal one. What it says of its
// work it says by remarks (--remarks-filter).
//
//===----------------------------------------------------------------------===//

#ifndef AMK_TRANSFORMS_PASSES_TD
#define AMK_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FusionGrouping : Pass<"amk-fusion-grouping", "::amk::ScheduleOp"> {
  let summary = "put operators that need no hand-off between them into one task";
  let description = [{
    Every hand-off between tasks costs 1 to 3 microseconds, so what can be
    computed where its input is made belongs into the same task: the norm into
    the product that follows (as a prologue, which every tile computes in
    full), residual add, RoPE, KV append and SwiGLU into the product before,
    the argmax by blocks into the LM head. Products of one input become one
    product: the weights of Q, K and V are concatenated, those of gate and up
    interleaved, as views. Buffers that are then used inside one task only
    become local. A layer of a Llama has five tasks afterwards.

    Groups are found by the dataflow, not by names. No rounding and no sum
    changes, so the results keep every bit.

    The remark counts hand-offs before and after: `handoffs` are the pairs of a
    task that writes and one that reads it, once however many buffers lie
    between; `crossing_per_layer` those of a layer that leave a worker (the
    residual stream stays with its owner); `chain_per_layer` the most of these
    that follow each other. A fused layer has 5, and they are one chain: QKV,
    attention, O, gate and up, down, and on to the next QKV. What amk-tiling
    adds to them where it splits attention, its own remark says.

    `groups` gives the groups instead: `first..last` takes the tasks from one
    to the other, in program order, into one; whatever is in no range stays as
    it is. Products are not merged then. A range that cannot be one task, since its
    tiles would need each other, is refused.
  }];
  let options = [
    Option<"enable", "enable", "bool", "true",
           "off: leave the schedule as it is (to measure what the pass gains)">,
    ListOption<"groups", "groups", "std::string",
               "explicit groups, each 'first..last' by task names">,
  ];
}

def SetPositions : Pass<"amk-set-positions", "::amk::ScheduleOp"> {
  let summary = "choose the length of the KV cache";
  let description = [{
    Gives the caches and the RoPE tables room for `positions` positions. The
    import has chosen the model's own length, or 4096 if that is longer; a
    length beyond the model's (the schedule's `amk.max_positions`, which the
    import records) is refused.
  }];
  let options = [
    Option<"positions", "positions", "int64_t", "0",
           "length of the cache; 0 keeps it">,
  ];
}

def Tiling : Pass<"amk-tiling", "::amk::ScheduleOp"> {
  let summary = "cut tasks into tiles and fix the target";
  let description = [{
    Cuts every task over the workers of the target, evenly in granules: what
    the body's operators accept (a RoPE pair, a gate with its up, a block of
    the argmax) and, for rows of a product, the four rows of a packed weight
    tile: rounding to whole rows per worker costs 2 to 3 % at 1B. Where it does
    not come out even, some tiles are one granule longer. Which, `balance`
    decides for the whole step, the tasks with the heaviest granules first, tile
    i on worker i: the workers that stream least so far get what is left over,
    and of a task that is there in every layer up to a twelfth more than the
    mean, if its granules are small enough to even out what the others have
    left. The remark gives what the worker with most streams, over the mean.
    Off, it is always the first tiles, and no two tiles of a task differ by more
    than one granule.

    Attention is cut by positions where the numerics have several splits of
    them (`split-attention`): the task becomes `attention_partial`, a tile for
    each KV head and each split but the first, which is put before it, and
    `attention_join`, which has the first split and joins them. So at 1B 128
    workers read the cache in place of 32. Otherwise, and where a KV head has
    more query heads than the kernel keeps in registers or the attention is not
    the first operator of its task, it is cut by query heads; norms and the last
    step of the argmax are not cut. A task with fewer granules than there are
    workers has fewer tiles.

    The remark gives the position ranges (`attention_ranges`) and workers that
    an attention is spread over, and counts the hand-offs of a layer before and
    after in the words of amk-fusion-grouping: split there are 7 in place of 5,
    in a chain of 6: query to the other splits, query, key and value to the
    join, and the other splits' results to the join. What they cost is less than
    what the split gains at long contexts; up to the positions of one split, the
    last of them has nothing to wait for.

    All tasks that update the residual stream in place get the same cut
    (`keep-owners`), so that each of its elements stays with one worker.
    `fewest` uses as few tiles as keep the longest as short.

    The schedule gets a target: that of the options, else the one it has, else
    sm_90 with all its workers. A target is a chip, a board or a file with the
    record of one (docs/cost-model.md); board and record are kept as the
    attribute `amk.device`, for `amk-estimate`. Cuts, places and streams that the
    schedule has are replaced.
  }];
  let options = [
    Option<"target", "target", "std::string", "",
           "chip (sm_80, sm_90, sm_100, sm_120), board or .json file">,
    Option<"workers", "workers", "uint32_t", "0",
           "workers, one per SM; 0: all that the target has">,
    Option<"keepOwners", "keep-owners", "bool", "true",
           "cut all tasks that update a buffer in place alike">,
    Option<"fewest", "fewest", "bool", "false",
           "as few tiles as keep the longest as short">,
    Option<"balance", "balance", "bool", "true",
           "balance the shares over the whole step">,
    Option<"rows", "rows", "uint32_t", "4",
           "granule of the rows of a product's tile, a multiple of 4">,
    Option<"splitAttention", "split-attention", "bool", "true",
           "split attention by positions">,
    Option<"sharedBytes", "shared-bytes", "uint64_t", "0",
           "shared memory of a worker; 0: all that the target has">,
    Option<"threads", "threads", "uint32_t", "0",
           "threads of a block: refused unless the kernel has so many">,
    Option<"kvBlock", "kv-block", "int64_t", "0",
           "positions of a softmax block: refused unless the import has it">,
  ];
}

def SMAssignment : Pass<"amk-sm-assignment", "::amk::ScheduleOp"> {
  let summary = "choose the worker of every tile";
  let description = [{
    Places every tile on a worker. Queues are in program order.

    - `contiguous`: tile i on worker i. Fewer tiles than workers are spread at
      equal steps: 32 heads over 132 workers go to every fourth. The splits of
      attention are spread together, those of `attention_partial` and the first,
      of `attention_join`: they are done at the same time.
    - `round-robin`: a task starts at the worker after the last task's last.
    - `load-balanced`: the costliest tile first onto the least loaded worker,
      by the operators' cost over the whole step. Two tiles of a task share a
      worker only where there are more tiles than workers.
    - `locality`: where most bytes of the tile's inputs were written, what it
      reads in full left aside: a head of attention goes to the worker that
      made most of its query.
    - `explicit`: as `map` says, contiguous where it says nothing. An entry is
      `TASK=WORKERS`: a task's name, in which `*` stands for any letters, and a
      worker for each of its tiles, or one for all: `L*_attention=0-31`,
      `argmax=131`, `lm_head=3:1:2:0`.

    With `keep-owners` the tasks that update a buffer in place and are cut
    alike are placed alike, under every policy: what stays on its worker needs
    no hand-off.

    With a `cluster` of 2, 4 or 8, which must divide the workers, so many workers
    in turn are a cluster: they see each other's shared memory, and
    amk-synchronization lets them share what they gather and hand packets over
    among themselves. A product's tiles that are fewer than the workers fill whole
    clusters then, if they can; the splits of a KV head are in one cluster, if
    they are no more than its workers; and `locality` prefers, where the worker that made most has no room, one of its
    cluster. A chip without clusters (sm_80) refuses.

    The remark gives the least and most loaded
    worker's cost over the mean, and the same for the bytes of weights alone.
  }];
  let options = [
    Option<"policy", "policy", "::amk::scheduling::AssignmentPolicy",
           "::amk::scheduling::AssignmentPolicy::Contiguous",
           "how to choose workers", [{::llvm::cl::values(
             clEnumValN(::amk::scheduling::AssignmentPolicy::Contiguous,
                        "contiguous", "tile i on worker i"),
             clEnumValN(::amk::scheduling::AssignmentPolicy::RoundRobin,
                        "round-robin", "on from the last task's last worker"),
             clEnumValN(::amk::scheduling::AssignmentPolicy::LoadBalanced,
                        "load-balanced", "by cost over the whole step"),
             clEnumValN(::amk::scheduling::AssignmentPolicy::Locality,
                        "locality", "where the inputs were written"),
             clEnumValN(::amk::scheduling::AssignmentPolicy::Explicit,
                        "explicit", "as the map says"))}]>,
    Option<"keepOwners", "keep-owners", "bool", "true",
           "place all tasks that update a buffer in place alike">,
    ListOption<"map", "map", "std::string",
               "entries TASK=WORKERS of the policy 'explicit'">,
    Option<"cluster", "cluster", "uint32_t", "1",
           "workers of a cluster: 1, 2, 4 or 8">,
  ];
}

def Synchronization : Pass<"amk-synchronization", "::amk::ScheduleOp"> {
  let summary = "choose a hand-off for every dependence";
  let description = [{
    Finds the dependences between tiles from the bytes that they touch (read
    after write, write after read, write after write) and keeps each by the
    cheapest means:

    - nothing, where a queue or other hand-offs imply it;
    - packets, where a bf16 activation (or what `attention_partial` makes, in
      packets of 3) is written by one operator and read by operators that gather
      their input: a packet carries its own flag, so there is no fence and no
      second read. Not where the tile that writes it reads an activation element
      by element: a kernel publishes while it reads, so that a reader of the
      packets could overwrite what is not read yet;
    - a counter otherwise: one per distinct set of producers, which add one
      each; the readers wait for all of them. Tasks that wait for the same
      share counters.

    The remark gives the counters, and a launch's waits for them and signals to
    them, as they are and, `before`, as they would be with `reduce=false
    share=false`; and how many of them these two have `removed`. A packet is
    neither a wait nor a signal.

    In clusters (amk-sm-assignment's `cluster`) every worker would poll the same
    packets. With `cluster-gathers` the workers of one poll a part each and pass
    it on: a task is marked `cluster_gather` if the one input that it gathers, as
    a whole, comes as packets (a product's vector), and a cluster has none of
    its tiles or one on each worker. The remark says how many tasks are marked
    (`cluster gathers`) and how many packets all workers poll in a launch
    (`polled packets`), and, `before`, would poll without it. None is
    marked where queues that are not in program order would block each other so.

    With `inbox-bytes`, packets that only the cluster of who writes them reads
    stay in it: they are written to the shared memory of their readers, in
    inboxes of at most so many bytes a worker, and pass neither the L2 nor what is
    queued at the memory (where the tiles of a KV head are in one cluster, what
    the splits hand over). The remark says how many buffers these are (`cluster
    packets`) and how many bytes of a worker's shared memory they take. None
    where a queue is not in program order.

    Marks the schedule `concurrent`: from here on queues and hand-offs alone
    decide. Hand-offs that the schedule has are replaced. A queue that is not
    in program order (places given by hand) is kept if no dependence runs
    against it, and refused otherwise.
  }];
  let options = [
    Option<"packets", "packets", "uint32_t", "6",
           "values of a packet, 4 or 6; 0: counters only">,
    Option<"reduce", "reduce", "bool", "true",
           "leave out hand-offs that others imply">,
    Option<"share", "share", "bool", "true",
           "let tasks that wait for the same share counters">,
    Option<"clusterGathers", "cluster-gathers", "bool", "true",
           "let the workers of a cluster share what they gather">,
    Option<"inboxBytes", "inbox-bytes", "uint64_t", "0",
           "most bytes of a worker's shared memory for packets that stay in its "
           "cluster">,
  ];
}

def PageColoring : Pass<"amk-page-coloring", "::amk::ScheduleOp"> {
  let summary = "assign activations to pages of scratch and shared memory";
  let description = [{
    Two buffers may share bytes if all accesses to one happen before all those
    to the other, as rule V5 asks: a write by visibility, a read before a write
    by order. Lifetimes come from happens-before and not from the order of the
    tasks. Buffers are colored largest first, each at the lowest offset that is
    free beside it; the remark gives the peak and the weight of a clique of
    buffers that are alive together, below which no assignment gets.

    A float32 activation of which no byte is touched by two workers (the
    residual stream) goes to shared memory; the rest to the scratch arena.
    Packets share pages with packets only, and carry a generation then. Those in
    cluster memory stay where amk-synchronization has put them.

    Policies: `graph-color`, `linear` (pages, but nothing is shared) and `none`
    (storage of its own for every buffer).
  }];
  let options = [
    Option<"policy", "policy", "::amk::scheduling::PagePolicy",
           "::amk::scheduling::PagePolicy::GraphColor", "how to assign pages",
           [{::llvm::cl::values(
             clEnumValN(::amk::scheduling::PagePolicy::GraphColor,
                        "graph-color", "share pages by lifetime"),
             clEnumValN(::amk::scheduling::PagePolicy::Linear,
                        "linear", "one page after the other"),
             clEnumValN(::amk::scheduling::PagePolicy::None,
                        "none", "no pages"))}]>,
    Option<"sharedBytes", "shared-bytes", "int64_t", "-1",
           "most shared memory that pages may take, of what is free; -1: an "
           "eighth of a worker's">,
  ];
}

def Pipelining : Pass<"amk-pipelining", "::amk::ScheduleOp"> {
  let summary = "make the stream of weights and the ring that it goes through";
  let description = [{
    Cuts the weight of every product into stages: tiles of four rows by the
    longest slice that divides the row, is a multiple of 128 columns and has at
    most `columns`. The loader of a worker fetches the stages of its whole step
    in the order of its queue, across tasks, and never waits for an activation.

    The ring gets as many slots as fit beside what else the worker's shared
    memory holds, at most `slots`. If fewer fit than there are teams (or than
    four), the stages become shorter. `window` stages are in flight for the task
    at hand and `ahead` for later ones: more only makes every hand-off wait
    behind them. Where they are not given, a ring with at least three slots for
    two teams has 4 and 3, a shallower one, which is full before a hand-off is
    through, 5 and 2. Where threads copy (sm_80) the memory is not what is slow:
    both are what makes 64 KB. Rule V8 bounds the window where the slots are no
    multiple of the teams: at most the slots less the teams. `held` stages may be
    taken into registers while the input is awaited, which frees their slots;
    stages are no longer than leaves the kernel the registers it needs.

    Where a row has more slices than one and its input comes in packets that the
    worker polls itself, `slices` says when a stage may be multiplied: `arrive`
    when the input of its slice is there, `whole` when all of it is.
  }];
  let options = [
    Option<"columns", "columns", "uint32_t", "2048",
           "most columns of a stage">,
    Option<"slots", "slots", "uint32_t", "16", "most slots of the ring">,
    Option<"teams", "teams", "uint32_t", "8",
           "teams of consumers, which take stages in turns; the kernel has 8">,
    Option<"window", "window", "uint32_t", "0",
           "stages in flight for the task at hand; 0: by the ring's depth">,
    Option<"ahead", "ahead", "uint32_t", "0",
           "stages in flight for later tasks; 0: by the ring's depth">,
    Option<"held", "held", "uint32_t", "1",
           "stages that a team may take into registers">,
    Option<"slices", "slices", "::amk::scheduling::SlicePolicy",
           "::amk::scheduling::SlicePolicy::Arrive",
           "what of its input a stage waits for",
           [{::llvm::cl::values(
             clEnumValN(::amk::scheduling::SlicePolicy::Arrive,
                        "arrive", "its slice"),
             clEnumValN(::amk::scheduling::SlicePolicy::Whole,
                        "whole", "all"))}]>,
  ];
}

def Estimate : Pass<"amk-estimate", "::amk::ScheduleOp"> {
  let summary = "print how long a step will take";
  let description = [{
    Prints, to stderr, the time that the cost model predicts for one step of
    the schedule, the bytes read from memory, the share of the board's memory
    bandwidth, and for each kind of task how long a tile waits for its input,
    how much of that passes with nothing in flight (*exposed*: what the stream
    does not hide), works, and publishes. The schedule stays as it is.

    A concurrent schedule is simulated: loaders, ring, windows, the queue at the
    memory, hand-offs. Of a sequential one the costs of the tasks are added up.

    `target` is a board (a100, h100, h200, b200, rtxpro6000, rtx5090), a chip,
    which stands for one of them, or a file with the record of a GPU, as
    `amk-run --describe-device` prints it. See docs/cost-model.md.
  }];
  let options = [
    Option<"target", "target", "std::string", "",
           "board, chip or .json file; empty: the schedule's">,
    Option<"position", "position", "int64_t", "127",
           "earlier tokens that are attended to">,
    Option<"json", "json", "bool", "false", "one JSON object instead">,
  ];
}

def ExplainSchedule : Pass<"amk-explain-schedule", "::amk::ScheduleOp"> {
  let summary = "print what orders the tiles of a schedule";
  let description = [{
    Prints, to stderr, about a concurrent schedule: its tiles, queues, waits and
    signals; the critical path, tiles of the same task in a row as one line; and
    the slack of every task, by how much its tightest tile may start later
    without making the path longer. A tile weighs the bytes that its operators
    read, or their operations where they read none; hand-offs weigh nothing. The
    schedule stays as it is.

    With `from` and `to`, each TASK:TILE, also how these two tiles are ordered:
    whether the first is done whenever the second starts, whether what it wrote
    is visible then (packets order, but make visible nothing but their own
    bytes), and by which chain of queues, counters and packets; or else which
    tiles, the second among them, can run while the first has not.
  }];
  let options = [
    Option<"from", "from", "std::string", "", "a tile, TASK:TILE">,
    Option<"to", "to", "std::string", "", "another tile, TASK:TILE">,
  ];
}

#endif // AMK_TRANSFORMS_PASSES_TD
