// SPDX-License-Identifier: Apache-2.0
//
// The verilated top that stream.cpp drives.

#include "streams.h"

#include "ports.h"  // generated: class Top, clock_of(Top&), lanes_of(Top&, Lanes&)

static Top* top;

void start(VerilatedContext* context) { top = new Top{context}; }
void evaluate() { top->eval(); }
Port clock_port() { return clock_of(*top); }
void lanes(Lanes& to) { lanes_of(*top, to); }
void finish() {
  top->final();
  delete top;
}
#if VM_TRACE
void trace(Waves& waves) { top->trace(&waves, 99); }
#endif
