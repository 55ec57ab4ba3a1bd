// A shared library in this process.
#pragma once

#include <string>

namespace sinter::libraries {

class SharedLibrary {
public:
  /// `path` is a file, however it is written. Throws Error.
  explicit SharedLibrary(const std::string& path);
  ~SharedLibrary();
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  /// Null if it has no such symbol.
  void* find(const char* symbol) const;

private:
  void* handle_ = nullptr;
};

} // namespace sinter::libraries
