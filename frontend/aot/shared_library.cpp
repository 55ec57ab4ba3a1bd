// A shared library in this process.
#include "aot/shared_library.h"

#include "sinter/error.h"

#include <dlfcn.h>

namespace sinter::libraries {

SharedLibrary::SharedLibrary(const std::string& path) {
  // Without a slash, the loader would look for the name in its own folders.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_)
    throw Error(std::string("cannot load the library: ") + dlerror());
}

SharedLibrary::~SharedLibrary() {
  dlclose(handle_);
}

void* SharedLibrary::find(const char* symbol) const {
  return dlsym(handle_, symbol);
}

} // namespace sinter::libraries
