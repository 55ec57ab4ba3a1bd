// cuDNN is loaded when a program first has use for it.
#include "cuda/cudnn.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/log.h"

#include <array>

namespace sinter::rt::cuda::cudnn {

const Cudnn* Cudnn::find() {
  static const Cudnn loaded;
  static const bool usable = [] {
    constexpr std::size_t kOldest = 90800;
    if (loaded.library.usable() && loaded.version() >= kOldest)
      return true;
    if (loaded.library.was_found())
      log("cuDNN is not used: " + (loaded.library.usable()
                                       ? "it is version " + std::to_string(loaded.version()) + ", " +
                                             std::to_string(kOldest) + " is needed"
                                       : loaded.library.error()));
    return false;
  }();
  return usable ? &loaded : nullptr;
}

void Cudnn::check(Status status, const std::string& what) const {
  if (status == 0)
    return;
  std::array<char, 512> detail{};
  last_error(detail.data(), detail.size() - 1);
  std::string text = "cuDNN: " + what + ": " + error_string(status);
  if (detail[0] != '\0')
    text += std::string(" (") + detail.data() + ")";
  for (char& c : text)
    if (c == '\n')
      c = ' ';
  throw Error(text, ErrorKind::system);
}

Descriptor::Descriptor(const Cudnn& api, DescriptorType type) : api_(&api) {
  RawDescriptor made = nullptr;
  api.check(api.create_descriptor(type, &made), "descriptor " + std::to_string(static_cast<int>(type)));
  raw_ = {made, DestroyDescriptor{&api}};
}

bool Descriptor::try_finalize() {
  // Of the category CUDNN_STATUS_NOT_SUPPORTED, these are about the installation, not about the graph.
  constexpr Status kNotSupported = 3000, kPastNotSupported = 4000, kPrerequisiteMissing = 3008,
                   kSublibraryUnavailable = 3009;
  const Status status = api_->finalize(raw());
  if (status >= kNotSupported && status < kPastNotSupported && status != kPrerequisiteMissing &&
      status != kSublibraryUnavailable)
    return false;
  api_->check(status, "a descriptor");
  return true;
}

void Descriptor::check(Status status, Attribute attribute) const {
  if (status != 0)
    api_->check(status, "attribute " + std::to_string(static_cast<int>(attribute)));
}

} // namespace sinter::rt::cuda::cudnn
