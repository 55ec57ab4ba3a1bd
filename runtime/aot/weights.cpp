// Maps files of weights: the file's own pages, which processes share.
#include "aot/weights.h"

#include "aot/failure.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sinter::rt::aot {
namespace {

// Vector code may read this far behind the last weight.
constexpr uint64_t kSlack = 64;

struct Mapping {
  char* path = nullptr;
  void* memory = nullptr;
  uint64_t bytes = 0;
  uint64_t users = 0;
  Mapping* next = nullptr;

  const void* weights() const { return static_cast<const char*>(memory) + sizeof(WeightsHeader); }
};

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Mapping* mappings = nullptr; // guarded by `mutex`

// "WEIGHTS" in the folder of the file that the model's tables were loaded from.
bool beside_library(const Model& model, char (&path)[PATH_MAX]) {
  Dl_info library{};
  if (dladdr(&model, &library) == 0 || !library.dli_fname)
    return false;
  const char* slash = std::strrchr(library.dli_fname, '/');
  const int folder = slash ? static_cast<int>(slash - library.dli_fname + 1) : 0;
  const int length =
      std::snprintf(path, sizeof path, "%.*s%s", folder, library.dli_fname, model.weights_file);
  return length > 0 && length < PATH_MAX;
}

// Maps an open file. Null, and the status, if it is not what the model needs.
void* map(const Model& model, int file, const char* path, uint64_t bytes, int& status) {
  struct stat facts{};
  if (fstat(file, &facts) != 0 || static_cast<uint64_t>(facts.st_size) != bytes) {
    status = fail(SINTER_NO_WEIGHTS, "'%s' has %lld bytes, the weights of %s take %llu", path,
                  static_cast<long long>(facts.st_size), model.name, static_cast<unsigned long long>(bytes));
    return nullptr;
  }
  void* memory = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    status = fail(SINTER_OUT_OF_MEMORY, "cannot map '%s': %s", path, std::strerror(errno));
    return nullptr;
  }
  WeightsHeader wanted;
  wanted.bytes = model.weights_bytes;
  std::memcpy(wanted.digest, model.weights_digest, sizeof wanted.digest);
  if (std::memcmp(memory, &wanted, sizeof wanted) == 0)
    return memory;
  munmap(memory, bytes);
  status = fail(SINTER_NO_WEIGHTS, "'%s' does not hold the weights of this %s", path, model.name);
  return nullptr;
}

Mapping* open_mapping(const Model& model, const char* path, int& status) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    status = fail(SINTER_NO_WEIGHTS, "cannot open the weights of %s, '%s': %s", model.name, path,
                  std::strerror(errno));
    return nullptr;
  }
  const uint64_t bytes = sizeof(WeightsHeader) + model.weights_bytes + kSlack;
  void* memory = map(model, file, path, bytes, status);
  close(file);
  if (!memory)
    return nullptr;
  auto* made = static_cast<Mapping*>(std::calloc(1, sizeof(Mapping)));
  char* kept = strdup(path);
  if (made && kept) {
    *made = {kept, memory, bytes, 0, mappings};
    mappings = made;
    return made;
  }
  std::free(made);
  std::free(kept);
  munmap(memory, bytes);
  status = fail(SINTER_OUT_OF_MEMORY, "out of memory");
  return nullptr;
}

class Lock {
public:
  Lock() { pthread_mutex_lock(&mutex); }
  ~Lock() { pthread_mutex_unlock(&mutex); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
};

} // namespace

const void* acquire_weights(const Model& model, const char* path, int& status) {
  if (model.weights)
    return model.weights;
  char found[PATH_MAX];
  if (!path) {
    if (!beside_library(model, found)) {
      status = fail(SINTER_NO_WEIGHTS,
                    "cannot tell where the library of %s lies: name the file of its weights", model.name);
      return nullptr;
    }
    path = found;
  }
  const Lock lock;
  Mapping* mapping = mappings;
  while (mapping && std::strcmp(mapping->path, path) != 0)
    mapping = mapping->next;
  if (!mapping)
    mapping = open_mapping(model, path, status);
  if (!mapping)
    return nullptr;
  ++mapping->users;
  return mapping->weights();
}

void release_weights(const Model& model, const void* weights) {
  if (model.weights)
    return;
  const Lock lock;
  Mapping** link = &mappings;
  while (*link && (*link)->weights() != weights)
    link = &(*link)->next;
  Mapping* mapping = *link;
  if (!mapping || --mapping->users > 0)
    return;
  *link = mapping->next;
  munmap(mapping->memory, mapping->bytes);
  std::free(mapping->path);
  std::free(mapping);
}

} // namespace sinter::rt::aot
