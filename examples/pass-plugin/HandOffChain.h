//===- HandOffChain.h -------------------------------------------*- C++ -*-===//

#ifndef AMK_EXAMPLES_HANDOFFCHAIN_H
#define AMK_EXAMPLES_HANDOFFCHAIN_H

void registerHandOffChain();

#endif // AMK_EXAMPLES_HANDOFFCHAIN_H
