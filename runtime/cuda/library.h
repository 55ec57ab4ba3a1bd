// Libraries of NVIDIA's that are looked for when they are needed: nothing of Sinter is linked with them.
#pragma once

#include <string>
#include <vector>

namespace sinter::rt::cuda {

/// A shared library that stays loaded until the process ends.
class Library {
public:
  /// The first of `names` that can be loaded, from where the system looks for libraries, or from the folders
  /// of the environment variable SINTER_CUDA_PATH (several with colons between), or of CUDA's usual place. If
  /// there is none, loaded() is false and error() says why.
  Library(const std::vector<std::string>& names);

  bool loaded() const { return handle_ != nullptr; }
  const std::string& error() const { return error_; }
  /// The function `name`; null if the library has none.
  void* find(const char* name) const;

private:
  void* handle_ = nullptr;
  std::string error_;
};

/// A function of a library, called by the type its documentation gives it.
template <class Function>
class EntryPoint {
public:
  EntryPoint(const Library& library, const char* name)
      : function_(reinterpret_cast<Function*>(library.find(name))) {}

  explicit operator bool() const { return function_ != nullptr; }
  template <class... Arguments>
  auto operator()(Arguments... arguments) const {
    return function_(arguments...);
  }

private:
  Function* function_;
};

} // namespace sinter::rt::cuda
