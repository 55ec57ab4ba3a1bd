// cuDNN is loaded when a program first has use for it.
#include "cuda/cudnn.h"

#include "sinter/runtime/error.h"

#include <array>

namespace sinter::rt::cuda::cudnn {

const Cudnn* Cudnn::find() {
  static const Cudnn loaded;
  constexpr std::size_t kOldest = 90800;
  static const bool usable = loaded.version && loaded.create && loaded.set_stream && loaded.error_string &&
                             loaded.last_error && loaded.create_descriptor && loaded.destroy_descriptor &&
                             loaded.finalize && loaded.set && loaded.get && loaded.execute &&
                             loaded.version() >= kOldest;
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

void Descriptor::check(Status status, Attribute attribute) const {
  if (status != 0)
    api_->check(status, "attribute " + std::to_string(static_cast<int>(attribute)));
}

} // namespace sinter::rt::cuda::cudnn
