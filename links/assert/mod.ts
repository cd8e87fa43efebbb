// deno-lint-ignore-file no-import-prefix
import * as assert_ from "npm:deno-std@1.4.0/assert/mod.js";

/** A class of errors, as the assertions below take it. */
export type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Fails unless the expression is truthy. */
export const assert: (expr: unknown, msg?: string) => asserts expr =
  assert_.assert;

/** Fails unless both are deeply equal. */
export const assertEquals: <T>(actual: T, expected: T, msg?: string) => void =
  assert_.assertEquals;

/** Fails if both are deeply equal. */
export const assertNotEquals: <T>(
  actual: T,
  expected: T,
  msg?: string,
) => void = assert_.assertNotEquals;

/** Fails unless both are the same value. */
export const assertStrictEquals: <T>(
  actual: unknown,
  expected: T,
  msg?: string,
) => asserts actual is T = assert_.assertStrictEquals;

/** Fails if the value is `null` or `undefined`. */
export const assertExists: <T>(
  actual: T,
  msg?: string,
) => asserts actual is NonNullable<T> = assert_.assertExists;

/** Fails unless the value is an instance of the class. */
export const assertInstanceOf: <T>(
  actual: unknown,
  type: abstract new (...args: never[]) => T,
  msg?: string,
) => asserts actual is T = assert_.assertInstanceOf;

/** Fails unless the text matches. */
export const assertMatch: (
  actual: string,
  expected: RegExp,
  msg?: string,
) => void = assert_.assertMatch;

/** Fails unless the text holds the other. */
export const assertStringIncludes: (
  actual: string,
  expected: string,
  msg?: string,
) => void = assert_.assertStringIncludes;

/** Fails unless the function throws such an error; returns it. */
export const assertThrows: <E extends Error = Error>(
  fn: () => unknown,
  type?: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
) => E = assert_.assertThrows;

/** Fails unless the function's promise rejects with such an error; returns it. */
export const assertRejects: <E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  type?: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
) => Promise<E> = assert_.assertRejects;

/** Fails, always. */
export const fail: (msg?: string) => never = assert_.fail;

/** Fails if the expression is truthy. */
export const assertFalse: (expr: unknown, msg?: string) => void =
  assert_.assertFalse;
