// In the place of libcublasLt.so: products of matrices on the processor, of what the descriptors say, in the
// memory of the stand-in for the driver. What the library would not take ends the test.
#include "memory.h"

#include <array>
#include <cstddef>

using namespace stand_in;

namespace {

constexpr int kInvalid = 7, kNotSupported = 15;
constexpr uint64_t kMagic = 0x51;
constexpr uint64_t kWorkspace = 8192; // what the second algorithm wants

Element element_of(int type) {
  expect(type == 0 || type == 2 || type == 14, "cublasLt: a type that is not f32, f16 or bf16");
  return type == 0 ? Element::f32 : type == 2 ? Element::f16 : Element::bf16;
}

template <class T>
T value(const void* bytes, std::size_t size) {
  expect(size == sizeof(T), "cublasLt: an attribute of another size");
  T result;
  std::memcpy(&result, bytes, sizeof(T));
  return result;
}

} // namespace

struct LtHandleTag {};
struct LtOperationTag {
  bool tf32 = false;
  std::array<int32_t, 2> transpose{};
  uint32_t epilogue = 1;
  const void* bias = nullptr;
  int bias_type = -1;
};
struct LtLayoutTag {
  Element element = Element::f32;
  int64_t rows = 0, columns = 0, leading = 0;
  int32_t batch = 1;
  int64_t batch_stride = 0;

  int64_t elements() const { return (batch - 1) * batch_stride + (columns - 1) * leading + rows; }
  bool operator==(const LtLayoutTag&) const = default;
};
struct LtPreferenceTag {
  uint64_t workspace = 0;
  std::array<uint32_t, 4> alignment{256, 256, 256, 256};
};
struct Algorithm {
  std::array<uint64_t, 8> data;
};
struct HeuristicResult {
  Algorithm algorithm;
  std::size_t workspace;
  int state;
  float waves;
  std::array<int, 4> reserved;
};

EXPORT const char* cublasLtGetStatusName(int) {
  return "CUBLAS_STATUS_OF_THE_STAND_IN";
}
EXPORT int cublasLtCreate(LtHandleTag** handle) {
  is_entered();
  *handle = new LtHandleTag;
  return 0;
}
EXPORT int cublasLtMatmulDescCreate(LtOperationTag** made, int compute, int scale) {
  if ((compute != 68 && compute != 77) || scale != 0)
    return kInvalid;
  *made = new LtOperationTag{.tf32 = compute == 77};
  return 0;
}
EXPORT int cublasLtMatmulDescDestroy(LtOperationTag* operation) {
  delete operation;
  return 0;
}
EXPORT int cublasLtMatmulDescSetAttribute(LtOperationTag* operation, int attribute, const void* bytes,
                                          std::size_t size) {
  switch (attribute) {
  case 3:
  case 4:
    operation->transpose[static_cast<std::size_t>(attribute - 3)] = value<int32_t>(bytes, size);
    return 0;
  case 7:
    operation->epilogue = value<uint32_t>(bytes, size);
    return 0;
  case 8:
    operation->bias = value<const void*>(bytes, size);
    return 0;
  case 26:
    operation->bias_type = value<int32_t>(bytes, size);
    return 0;
  default:
    return kInvalid;
  }
}
EXPORT int cublasLtMatrixLayoutCreate(LtLayoutTag** made, int type, uint64_t rows, uint64_t columns,
                                      int64_t leading) {
  if (rows == 0 || columns == 0 || leading < static_cast<int64_t>(rows))
    return kInvalid;
  *made =
      new LtLayoutTag{element_of(type), static_cast<int64_t>(rows), static_cast<int64_t>(columns), leading};
  return 0;
}
EXPORT int cublasLtMatrixLayoutDestroy(LtLayoutTag* layout) {
  delete layout;
  return 0;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(LtLayoutTag* layout, int attribute, const void* bytes,
                                            std::size_t size) {
  if (attribute == 5)
    layout->batch = value<int32_t>(bytes, size);
  else if (attribute == 6)
    layout->batch_stride = value<int64_t>(bytes, size);
  else
    return kInvalid;
  return 0;
}
EXPORT int cublasLtMatmulPreferenceCreate(LtPreferenceTag** made) {
  *made = new LtPreferenceTag;
  return 0;
}
EXPORT int cublasLtMatmulPreferenceDestroy(LtPreferenceTag* preference) {
  delete preference;
  return 0;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(LtPreferenceTag* preference, int attribute, const void* bytes,
                                                std::size_t size) {
  if (attribute == 1)
    preference->workspace = value<uint64_t>(bytes, size);
  else if (attribute == 3)
    expect(value<uint32_t>(bytes, size) == 2, "cublasLt: sums in another type than f32");
  else if (attribute >= 5 && attribute <= 8)
    preference->alignment[static_cast<std::size_t>(attribute - 5)] = value<uint32_t>(bytes, size);
  else
    return kInvalid;
  return 0;
}

namespace {

struct Product {
  int64_t rows, columns, terms;
};

// What the library checks before it looks for algorithms, and again before it runs one.
bool is_consistent(const LtOperationTag& operation, const LtLayoutTag& a, const LtLayoutTag& b,
                   const LtLayoutTag& c, const LtLayoutTag& d, Product& product) {
  const bool ta = operation.transpose[0] != 0, tb = operation.transpose[1] != 0;
  product = {ta ? a.columns : a.rows, tb ? b.rows : b.columns, ta ? a.rows : a.columns};
  if ((tb ? b.columns : b.rows) != product.terms || d.rows != product.rows || d.columns != product.columns)
    return false;
  if (c.rows != d.rows || c.columns != d.columns || a.batch != d.batch || b.batch != d.batch ||
      c.batch != d.batch || (d.batch > 1 && d.batch_stride < (d.columns - 1) * d.leading + d.rows))
    return false;
  if (a.element != b.element || a.element != d.element || c.element != d.element)
    return false;
  const uint32_t activation = operation.epilogue & ~4U;
  return operation.epilogue == 1 || activation == 0 || activation == 2 || activation == 32;
}

} // namespace

EXPORT int cublasLtMatmulAlgoGetHeuristic(LtHandleTag* handle, LtOperationTag* operation, LtLayoutTag* a,
                                          LtLayoutTag* b, LtLayoutTag* c, LtLayoutTag* d,
                                          LtPreferenceTag* preference, int wanted, HeuristicResult* results,
                                          int* found) {
  is_entered();
  Product product{};
  if (!handle || wanted < 1)
    return kInvalid;
  expect(is_consistent(*operation, *a, *b, *c, *d, product),
         "cublasLt: descriptors that contradict each other");
  for (uint32_t alignment : preference->alignment)
    expect(alignment == 16, "cublasLt: another alignment than the test's");
  if (product.terms > 100000)
    return kNotSupported;
  // The first wants memory that the second does without.
  *found = wanted > 1 ? 2 : 1;
  for (int i = 0; i < *found; ++i) {
    const bool needs = i == 0 && preference->workspace >= kWorkspace;
    results[i] = {{{kMagic, needs ? kWorkspace : 0}}, needs ? kWorkspace : 0, 0, 1.0F, {}};
  }
  return 0;
}

EXPORT int cublasLtMatmul(LtHandleTag* handle, LtOperationTag* operation, const float* alpha, const void* a,
                          LtLayoutTag* la, const void* b, LtLayoutTag* lb, const float* beta, const void* c,
                          LtLayoutTag* lc, void* d, LtLayoutTag* ld, const Algorithm* algorithm,
                          void* workspace, std::size_t workspace_bytes, void* stream) {
  is_entered();
  Product product{};
  expect(handle && stream && is_consistent(*operation, *la, *lb, *lc, *ld, product),
         "cublasLt: descriptors that contradict each other");
  expect(algorithm && algorithm->data[0] == kMagic, "cublasLt: no algorithm of its own");
  expect(workspace_bytes >= algorithm->data[1], "cublasLt: too little workspace");
  if (algorithm->data[1] > 0)
    stand_in::give(stream, [=, scratch = host(workspace, workspace_bytes)] {
      std::memset(scratch, 0x77, workspace_bytes);
    });
  expect(*beta == 0 || c == d || *lc == *ld, "cublasLt: an addend that lies otherwise than the result");
  const Element type = la->element;
  const void* lhs = host(a, static_cast<uint64_t>(la->elements()) * size_of(type));
  const void* rhs = host(b, static_cast<uint64_t>(lb->elements()) * size_of(type));
  const void* added = host(c, static_cast<uint64_t>(lc->elements()) * size_of(type));
  void* result = host(d, static_cast<uint64_t>(ld->elements()) * size_of(type));
  const void* bias = nullptr;
  if (operation->epilogue & 4U) {
    expect(operation->bias && element_of(operation->bias_type) == type, "cublasLt: no bias");
    bias = host(operation->bias, static_cast<uint64_t>(product.rows) * size_of(type));
  }
  stand_in::give(
      stream, [=, how = *operation, at = std::array{*la, *lb, *lc, *ld}, scale = *alpha, factor = *beta] {
        for (int64_t n = 0; n < at[3].batch; ++n)
          for (int64_t j = 0; j < product.columns; ++j)
            for (int64_t i = 0; i < product.rows; ++i) {
              float sum = 0;
              for (int64_t k = 0; k < product.terms; ++k) {
                const int64_t ia = how.transpose[0] ? k + i * at[0].leading : i + k * at[0].leading;
                const int64_t ib = how.transpose[1] ? j + k * at[1].leading : k + j * at[1].leading;
                float x = load(lhs, n * at[0].batch_stride + ia, type),
                      y = load(rhs, n * at[1].batch_stride + ib, type);
                if (how.tf32)
                  x = tf32(x), y = tf32(y);
                sum += x * y;
              }
              sum *= scale;
              if (factor != 0)
                sum += factor * load(added, n * at[2].batch_stride + j * at[2].leading + i, type);
              if (bias)
                sum += load(bias, i, type);
              if (how.epilogue & 2U)
                sum = sum < 0 ? 0 : sum;
              if (how.epilogue & 32U)
                sum = gelu_tanh(sum);
              store(result, n * at[3].batch_stride + j * at[3].leading + i, type, sum);
            }
      });
  return 0;
}
