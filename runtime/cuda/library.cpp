// Where NVIDIA's libraries may be.
#include "cuda/library.h"

#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

namespace sinter::rt::cuda {
namespace {

std::vector<std::string> folders() {
  std::vector<std::string> result;
  if (const char* path = std::getenv("SINTER_CUDA_PATH")) {
    std::string folder;
    for (const char* at = path;; ++at) {
      if (*at && *at != ':') {
        folder += *at;
        continue;
      }
      if (!folder.empty())
        result.push_back(folder + "/");
      folder.clear();
      if (!*at)
        break;
    }
  }
  result.emplace_back(""); // where the system looks
  result.emplace_back("/usr/local/cuda/lib64/");
  return result;
}

} // namespace

Library::Library(const std::vector<std::string>& names, const std::string& why) {
  for (const std::string& folder : folders())
    for (const std::string& name : names) {
      handle_ = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_) {
        was_found_ = true;
        file_ = folder + name;
        error_.clear();
        return;
      }
      // The loader says as much of what is not there as of what is broken.
      if (!folder.empty() && access((folder + name).c_str(), F_OK) == 0 && error_.empty()) {
        was_found_ = true;
        error_ = dlerror();
      }
    }
  if (error_.empty())
    error_ = names.front() + " was not found" + (why.empty() ? "" : " (" + why + ")") +
             "; SINTER_CUDA_PATH names folders to look in";
}

void* Library::find(const char* name) {
  void* const function = handle_ ? dlsym(handle_, name) : nullptr;
  if (handle_ && !function && error_.empty())
    error_ = file_ + " is too old, it lacks " + name;
  return function;
}

} // namespace sinter::rt::cuda
