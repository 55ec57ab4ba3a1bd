// Which build of the code generator this is, by the build-ids of the files it was loaded from.
#include "codegen/kernel/build_identity.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <link.h>
#include <string_view>

namespace sinter::codegen {
namespace {

// Kept machine code is run without being looked at, so it must come from the very code generator that would
// make it now. A version number would have to be raised with every change to a generator, a pass or an
// interface of an operation, and one that was forgotten is a wrong result in somebody's program. The linker's
// build-id is a digest of all that it put into a file: it cannot be forgotten. The price is that a program
// that Sinter is linked into makes its kernels anew after each change to itself.

struct Search {
  uintptr_t address;
  std::string_view buildId;
};

bool contains(const dl_phdr_info& file, uintptr_t address) {
  for (int i = 0; i < file.dlpi_phnum; ++i) {
    const ElfW(Phdr) & segment = file.dlpi_phdr[i];
    const uintptr_t start = file.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && address >= start && address - start < segment.p_memsz)
      return true;
  }
  return false;
}

// The note's owner and content follow its header, each padded.
std::string_view buildIdIn(const char* notes, size_t bytes, size_t alignment) {
  const auto padded = [&](size_t size) { return (size + alignment - 1) / alignment * alignment; };
  ElfW(Nhdr) note;
  while (bytes >= sizeof note) {
    std::memcpy(&note, notes, sizeof note);
    const size_t content = padded(sizeof note + note.n_namesz);
    if (content > bytes || note.n_descsz > bytes - content)
      return {};
    const std::string_view owner(notes + sizeof note, note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && owner == std::string_view("GNU", 4))
      return {notes + content, note.n_descsz};
    const size_t step = std::min(bytes, content + padded(note.n_descsz));
    notes += step;
    bytes -= step;
  }
  return {};
}

int visit(dl_phdr_info* file, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (!contains(*file, search.address))
    return 0;
  for (int i = 0; i < file->dlpi_phnum && search.buildId.empty(); ++i) {
    const ElfW(Phdr) & segment = file->dlpi_phdr[i];
    if (segment.p_type == PT_NOTE)
      search.buildId = buildIdIn(reinterpret_cast<const char*>(file->dlpi_addr + segment.p_vaddr),
                                 segment.p_memsz, segment.p_align == 8 ? 8 : 4);
  }
  return 1;
}

std::string identify() {
  // Sinter's own code, LLVM's and MLIR's: one file where all is linked statically, else three.
  const std::array<uintptr_t, 3> parts{reinterpret_cast<uintptr_t>(&identify),
                                       reinterpret_cast<uintptr_t>(&llvm::sys::getHostCPUFeatures),
                                       reinterpret_cast<uintptr_t>(static_cast<void (*)(mlir::MLIRContext&)>(
                                           &mlir::registerBuiltinDialectTranslation))};
  std::string identity = "LLVM " LLVM_VERSION_STRING;
  for (const uintptr_t address : parts) {
    Search search{address, {}};
    dl_iterate_phdr(visit, &search);
    if (search.buildId.empty())
      return "";
    identity += " " + llvm::toHex({search.buildId.data(), search.buildId.size()}, /*LowerCase=*/true);
  }
  return identity;
}

} // namespace

const std::string& buildIdentity() {
  static const std::string identity = identify();
  return identity;
}

} // namespace sinter::codegen
