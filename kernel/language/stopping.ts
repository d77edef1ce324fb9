import type * as TypeScript from '@tslab/typescript-for-tslab'

type Ts = typeof TypeScript

/**
 * What every loop and every function (constructors, accessors and static blocks, too) of a cell and of local modules asks at
 * its beginning: a global that is `undefined` until somebody stops what computes, and a function that throws then. V8 takes such a global for a constant, so optimised code has
 * nothing of it; where the code is run elsewhere (a function sent to a browser, a worker thread) there is no such global, and
 * nothing happens.
 */
export const STOP = '$stop'

/**
 * Writes that question into JavaScript: `{ globalThis.$stop?.(); ... }`. Code without it cannot be stopped by another thread
 * without harm: V8's own way (`terminateExecution`) drops whatever else waits for its turn, and ends the process
 * when a timer computes ("async hook stack has become corrupted", Node 24).
 */
export function stoppable(ts: Ts): TypeScript.TransformerFactory<TypeScript.SourceFile> {
  const { factory } = ts
  const call = (): TypeScript.Expression =>
    factory.createCallChain(
      factory.createPropertyAccessExpression(factory.createIdentifier('globalThis'), STOP),
      factory.createToken(ts.SyntaxKind.QuestionDotToken),
      undefined,
      [],
    )
  const question = (): TypeScript.Statement => factory.createExpressionStatement(call())

  /** Behind the directives, which must come first. */
  const asking = (body: TypeScript.Block): TypeScript.Block => {
    const at = body.statements.findIndex(
      (each) => !ts.isExpressionStatement(each) || !ts.isStringLiteral(each.expression),
    )
    const split = at === -1 ? body.statements.length : at
    const statements = [...body.statements.slice(0, split), question(), ...body.statements.slice(split)]
    return factory.updateBlock(body, ts.setTextRange(factory.createNodeArray(statements), body.statements))
  }
  const loop = (body: TypeScript.Statement): TypeScript.Statement =>
    ts.isBlock(body) ? asking(body) : factory.createBlock([question(), body])
  const concise = (body: TypeScript.ConciseBody): TypeScript.ConciseBody =>
    ts.isBlock(body) ? asking(body) : factory.createParenthesizedExpression(factory.createComma(call(), body))

  return (context) => {
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      const inner = ts.visitEachChild(node, visit, context)
      if (ts.isForStatement(inner))
        return factory.updateForStatement(
          inner,
          inner.initializer,
          inner.condition,
          inner.incrementor,
          loop(inner.statement),
        )
      if (ts.isForInStatement(inner))
        return factory.updateForInStatement(inner, inner.initializer, inner.expression, loop(inner.statement))
      if (ts.isForOfStatement(inner)) {
        const { awaitModifier, initializer, expression } = inner
        return factory.updateForOfStatement(inner, awaitModifier, initializer, expression, loop(inner.statement))
      }
      if (ts.isWhileStatement(inner))
        return factory.updateWhileStatement(inner, inner.expression, loop(inner.statement))
      if (ts.isDoStatement(inner)) return factory.updateDoStatement(inner, loop(inner.statement), inner.expression)
      if (ts.isArrowFunction(inner)) {
        const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken: arrow } = inner
        return factory.updateArrowFunction(
          inner,
          modifiers,
          typeParameters,
          parameters,
          type,
          arrow,
          concise(inner.body),
        )
      }
      if (ts.isFunctionExpression(inner)) {
        const { modifiers, asteriskToken, name, typeParameters, parameters, type, body } = inner
        return factory.updateFunctionExpression(
          inner,
          modifiers,
          asteriskToken,
          name,
          typeParameters,
          parameters,
          type,
          asking(body),
        )
      }
      if (ts.isFunctionDeclaration(inner) && inner.body) {
        const { modifiers, asteriskToken, name, typeParameters, parameters, type, body } = inner
        return factory.updateFunctionDeclaration(
          inner,
          modifiers,
          asteriskToken,
          name,
          typeParameters,
          parameters,
          type,
          asking(body),
        )
      }
      if (ts.isMethodDeclaration(inner) && inner.body) {
        const { modifiers, asteriskToken, name, questionToken, typeParameters, parameters, type, body } = inner
        return factory.updateMethodDeclaration(
          inner,
          modifiers,
          asteriskToken,
          name,
          questionToken,
          typeParameters,
          parameters,
          type,
          asking(body),
        )
      }
      if (ts.isConstructorDeclaration(inner) && inner.body) {
        const { modifiers, parameters, body } = inner
        return factory.updateConstructorDeclaration(inner, modifiers, parameters, asking(body))
      }
      if (ts.isGetAccessorDeclaration(inner) && inner.body) {
        const { modifiers, name, parameters, type, body } = inner
        return factory.updateGetAccessorDeclaration(inner, modifiers, name, parameters, type, asking(body))
      }
      if (ts.isSetAccessorDeclaration(inner) && inner.body) {
        const { modifiers, name, parameters, body } = inner
        return factory.updateSetAccessorDeclaration(inner, modifiers, name, parameters, asking(body))
      }
      if (ts.isClassStaticBlockDeclaration(inner))
        return factory.updateClassStaticBlockDeclaration(inner, asking(inner.body))
      return inner
    }
    return (file) => ts.visitEachChild(file, visit, context)
  }
}
