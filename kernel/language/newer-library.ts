/**
 * What Node 24 has and the library of TypeScript 5.0 does not declare (https://tc39.es/ecma262/, editions 2024 to 2026), so
 * that cells may use it. A declaration file's text, because tslab's compiler can be given files that are nowhere.
 */
export const NEWER_LIBRARY = `
type NoInfer<T> = [T][T extends any ? 0 : never];
interface ImportCallOptions { with?: ImportAttributes }
interface ImportAttributes { [key: string]: string }

interface SymbolConstructor { readonly dispose: unique symbol; readonly asyncDispose: unique symbol }
interface Disposable { [Symbol.dispose](): void }
interface AsyncDisposable { [Symbol.asyncDispose](): PromiseLike<void> }
interface SuppressedError extends Error { error: any; suppressed: any }
interface SuppressedErrorConstructor { new (error: any, suppressed: any, message?: string): SuppressedError; readonly prototype: SuppressedError }
declare var SuppressedError: SuppressedErrorConstructor;
interface DisposableStack {
  readonly disposed: boolean;
  dispose(): void;
  use<T extends Disposable | null | undefined>(value: T): T;
  adopt<T>(value: T, onDispose: (value: T) => void): T;
  defer(onDispose: () => void): void;
  move(): DisposableStack;
  [Symbol.dispose](): void;
}
interface DisposableStackConstructor { new (): DisposableStack; readonly prototype: DisposableStack }
declare var DisposableStack: DisposableStackConstructor;
interface AsyncDisposableStack {
  readonly disposed: boolean;
  disposeAsync(): Promise<void>;
  use<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T;
  adopt<T>(value: T, onDispose: (value: T) => PromiseLike<void> | void): T;
  defer(onDispose: () => PromiseLike<void> | void): void;
  move(): AsyncDisposableStack;
  [Symbol.asyncDispose](): Promise<void>;
}
interface AsyncDisposableStackConstructor { new (): AsyncDisposableStack; readonly prototype: AsyncDisposableStack }
declare var AsyncDisposableStack: AsyncDisposableStackConstructor;

declare namespace NodeJS {
  interface Require {
    using<T extends Disposable | null | undefined>(value: T): T;
    usingAsync<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T;
  }
}

interface PromiseWithResolvers<T> { promise: Promise<T>; resolve: (value: T | PromiseLike<T>) => void; reject: (reason?: any) => void }
interface PromiseConstructor {
  withResolvers<T>(): PromiseWithResolvers<T>;
  try<T, A extends unknown[]>(run: (...args: A) => T | PromiseLike<T>, ...args: A): Promise<Awaited<T>>;
}
interface ObjectConstructor { groupBy<K extends PropertyKey, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Partial<Record<K, T[]>> }
interface MapConstructor { groupBy<K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Map<K, T[]> }
interface ArrayConstructor {
  fromAsync<T>(items: AsyncIterable<T> | Iterable<T | PromiseLike<T>> | ArrayLike<T | PromiseLike<T>>): Promise<T[]>;
  fromAsync<T, U>(items: AsyncIterable<T> | Iterable<T> | ArrayLike<T>, map: (item: Awaited<T>, index: number) => U, self?: any): Promise<Awaited<U>[]>;
}
interface String { isWellFormed(): boolean; toWellFormed(): string }
interface RegExpConstructor { escape(text: string): string }
interface ErrorConstructor { isError(value: unknown): value is Error }
interface Set<T> {
  union<U>(other: ReadonlySet<U>): Set<T | U>;
  intersection<U>(other: ReadonlySet<U>): Set<T & U>;
  difference<U>(other: ReadonlySet<U>): Set<T>;
  symmetricDifference<U>(other: ReadonlySet<U>): Set<T | U>;
  isSubsetOf(other: ReadonlySet<unknown>): boolean;
  isSupersetOf(other: ReadonlySet<unknown>): boolean;
  isDisjointFrom(other: ReadonlySet<unknown>): boolean;
}
interface IteratorHelpers<T> {
  map<U>(change: (value: T, index: number) => U): IterableIterator<U>;
  filter<S extends T>(keep: (value: T, index: number) => value is S): IterableIterator<S>;
  filter(keep: (value: T, index: number) => unknown): IterableIterator<T>;
  take(limit: number): IterableIterator<T>;
  drop(count: number): IterableIterator<T>;
  flatMap<U>(change: (value: T, index: number) => Iterable<U>): IterableIterator<U>;
  reduce<U>(combine: (before: U, value: T, index: number) => U, first: U): U;
  toArray(): T[];
  forEach(each: (value: T, index: number) => void): void;
  some(test: (value: T, index: number) => unknown): boolean;
  every(test: (value: T, index: number) => unknown): boolean;
  find(test: (value: T, index: number) => unknown): T | undefined;
}
interface IterableIterator<T> extends IteratorHelpers<T> {}
interface Generator<T = unknown, TReturn = any, TNext = unknown> extends IteratorHelpers<T> {}
declare var Iterator: { from<T>(items: Iterable<T> | Iterator<T>): IterableIterator<T> };

interface ArrayBuffer { readonly detached: boolean; readonly resizable: boolean; readonly maxByteLength: number; resize(bytes: number): void; transfer(bytes?: number): ArrayBuffer; transferToFixedLength(bytes?: number): ArrayBuffer }
interface Math { f16round(x: number): number }
`
