// What the C interfaces of all models that Sinter compiles ahead of time have in common. C99 and C++; part of
// every generated header.
#ifndef SINTER_MODEL_ABI
#define SINTER_MODEL_ABI 1

#include <stddef.h>
#include <stdint.h>

/* What functions return. */
enum sinter_status {
  SINTER_OK = 0,
  SINTER_INVALID_ARGUMENT = 1,      /* a null pointer, a wrong size, memory that overlaps, ... */
  SINTER_OUT_OF_MEMORY = 2,         /* or no thread to be had */
  SINTER_UNSUPPORTED_PROCESSOR = 3, /* the model was compiled for another */
  SINTER_NO_WEIGHTS = 4             /* their file cannot be read, or is not this model's */
};

/* Element types. A bool is one byte, 0 or 1. */
enum sinter_dtype {
  SINTER_F32 = 0,
  SINTER_F64 = 1,
  SINTER_I32 = 2,
  SINTER_I64 = 3,
  SINTER_BOOL = 4,
  SINTER_I8 = 5,
  SINTER_U8 = 6,
  SINTER_F16 = 7,
  SINTER_BF16 = 8
};

/* An input or output: dense, in row-major order. */
typedef struct sinter_tensor {
  const char* name;
  int32_t dtype; /* enum sinter_dtype */
  int32_t rank;
  const int64_t* shape; /* `rank` extents */
  size_t bytes;
} sinter_tensor;

/* How a context is made. All zero: one thread per processor, and memory of its own. */
typedef struct sinter_options {
  int32_t threads;        /* the calling one included; 0: one per processor */
  const char* weights;    /* where the file of separate weights lies; NULL: beside the library */
  void* workspace;        /* memory for intermediate results, which the caller frees after the context; */
  size_t workspace_bytes; /* at least what the model's workspace_bytes() says for as many threads */
} sinter_options;

#endif
