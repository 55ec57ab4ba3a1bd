// Libraries of NVIDIA's that are looked for when they are needed: nothing of Sinter is linked with them.
#pragma once

#include <string>
#include <vector>

namespace sinter::rt::cuda {

/// A shared library that stays loaded until the process ends.
class Library {
public:
  /// The first of `names` that can be loaded, from where the system looks for libraries, or from the folders
  /// of the environment variable SINTER_CUDA_PATH (several with colons between), or of CUDA's usual place.
  /// `why` it must be one of these is said if there is none.
  explicit Library(const std::vector<std::string>& names, const std::string& why = "");

  /// True if it is there and has all functions that are needed. If not, error() says why.
  bool usable() const { return handle_ != nullptr && error_.empty(); }
  /// True if there is one, whether it can be used or not.
  bool was_found() const { return was_found_; }
  const std::string& error() const { return error_; }
  /// The function `name`; null if the library has none, which it then is not usable without.
  void* find(const char* name);

private:
  void* handle_ = nullptr;
  bool was_found_ = false;
  std::string file_, error_;
};

/// A function of a library, called by the type its documentation gives it; only if the library is usable.
template <class Function>
class EntryPoint {
public:
  EntryPoint(Library& library, const char* name)
      : function_(reinterpret_cast<Function*>(library.find(name))) {}

  template <class... Arguments>
  auto operator()(Arguments... arguments) const {
    return function_(arguments...);
  }

private:
  Function* function_;
};

} // namespace sinter::rt::cuda
