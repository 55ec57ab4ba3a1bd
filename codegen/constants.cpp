// Making a program's constants, or finding them on disk.
#include "codegen/constants.h"

#include "codegen/kernel/kernel_store.h"
#include "ir/constant.h"
#include "ir/constant_deferral.h"
#include "passes/constants.h"
#include "sinter/runtime/thread_pool.h"

#include <optional>

using namespace mlir;

namespace sinter::codegen {
namespace {

// What is smaller is made in the time that a file takes to be opened.
constexpr int64_t kLeastKeptBytes = 128 << 10;

struct Job {
  ir::ConstantOp op;
  int64_t bytes = 0;
  ir::ConstantDeferral::Identity identity; ///< no recipe: it is not kept
  ir::ConstantData data;
  bool isMapped = false;

  bool isKept() const { return !identity.recipe.empty(); }
};

// Passes that took weights for finite are right if all that was made of those is.
bool isAssumedFinite(ir::ConstantOp op) {
  const auto* deferral = ir::ConstantDeferral::of(op.getContext());
  const auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
  return deferral && resource && deferral->isReliedOn(resource);
}

void checkAssumption(const Job& job) {
  const View& view = job.data.view;
  if (is_floating(view.dtype) && isAssumedFinite(job.op) && !passes::magnitudesOf(view))
    throw ir::WeightsNotFinite();
}

// The largest first: what is needed for a while to make them is free for those that follow.
std::vector<Job> collect(Block& body) {
  std::vector<Job> jobs;
  for (ir::ConstantOp op : body.getOps<ir::ConstantOp>())
    jobs.push_back({op, ir::storedBytes(ir::tensorType(op.getResult())), {}, {}, false});
  llvm::sort(jobs, [](Job& a, Job& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.op->isBeforeInBlock(b.op);
  });
  return jobs;
}

ir::ConstantDeferral::Identity identityOf(ir::ConstantOp op) {
  const auto* deferral = ir::ConstantDeferral::of(op.getContext());
  const auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
  if (!deferral || !resource)
    return {};
  auto identity = deferral->identityOf(resource);
  // What was looked at before it was kept need not be looked at again.
  if (!identity.recipe.empty() && isAssumedFinite(op))
    identity.recipe += " finite";
  return identity;
}

// Says of the large constants what they are kept under, if there is room for all of them: a model must drive
// out neither itself nor all others.
void identify(std::vector<Job>& jobs, KernelStore& store) {
  uint64_t bytes = 0;
  for (Job& job : jobs)
    if (job.bytes >= kLeastKeptBytes && static_cast<uint64_t>(job.bytes) <= store.cache().most_blob_bytes())
      if (job.identity = identityOf(job.op); job.isKept())
        bytes += static_cast<uint64_t>(job.bytes);
  if (bytes > store.cache().capacity() / 2)
    for (Job& job : jobs)
      job.identity = {};
}

void findOnDisk(std::vector<Job>& jobs, KernelStore& store) {
  std::vector<std::pair<Job*, rt::Digest>> wanted;
  for (Job& job : jobs)
    if (job.isKept())
      wanted.emplace_back(&job, store.digestOfConstant(job.identity.text()));
  rt::current_thread_pool().try_parallel_for(
      static_cast<int64_t>(wanted.size()), 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          auto& [job, digest] = wanted[static_cast<size_t>(i)];
          auto storage = store.cache().map(digest);
          job->isMapped = storage && storage->bytes() == static_cast<size_t>(job->bytes);
          if (job->isMapped)
            job->data.storage = std::move(storage);
          else if (storage) // whole, but not what was kept
            store.cache().remove(digest);
        }
      });
}

class Keeper {
public:
  explicit Keeper(KernelStore& store) : store_(store) {}
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper() {
    try {
      rt::ThreadPool alone(1); // the process may be ending, and its pools with it
      const rt::PoolScope scope(alone);
      for (const Item& item : items_)
        keep(item);
    } catch (const std::exception&) { // the model's file is not what it was, or there is no memory
    }
  }

  void add(const Job& job) {
    const char* elements = reinterpret_cast<const char*>(job.data.storage->data()) + job.data.byteOffset;
    items_.push_back({job.identity, job.data.storage, {elements, static_cast<size_t>(job.bytes)}});
  }

private:
  struct Item {
    ir::ConstantDeferral::Identity identity;
    std::shared_ptr<Storage> storage; ///< keeps `elements` alive
    std::string_view elements;
  };

  void keep(const Item& item) {
    const rt::Digest digest = store_.digestOfConstant(item.identity.text());
    if (!store_.cache().contains(digest))
      store_.cache().store(digest, item.elements);
  }

  KernelStore& store_;
  std::vector<Item> items_;
};

} // namespace

ProgramConstants makeConstants(Block& body, const ConstantOptions& options) {
  std::vector<Job> jobs = collect(body);
  if (options.store) {
    identify(jobs, *options.store);
    if (options.find)
      findOnDisk(jobs, *options.store);
  }
  for (Job& job : jobs)
    if (!job.isMapped) {
      job.data = ir::readElements(job.op.getValue());
      checkAssumption(job);
    }
  // Only a program that is complete has something to keep.
  ProgramConstants made;
  std::shared_ptr<Keeper> keeper;
  for (Job& job : jobs) {
    if (job.isMapped) {
      made.mappedBytes += static_cast<uint64_t>(job.bytes);
    } else if (job.isKept()) {
      if (!keeper)
        keeper = std::make_shared<Keeper>(*options.store);
      keeper->add(job);
    }
    made.constants.push_back({job.op.getResult(), std::move(job.data.storage), job.data.byteOffset});
  }
  made.keeper = std::move(keeper);
  return made;
}

} // namespace sinter::codegen
